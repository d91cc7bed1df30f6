// A key whose budget is spent, in every SDK as its users have it: with its own idea of when to try
// again. Each has to throw the sentence that says so; how often it asked is counted by sdks_test.py,
// so each has a key of its own. Without KEYS ({name: key}) their names are printed.

import Anthropic from '@anthropic-ai/sdk'
import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogle } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { BedrockRuntimeClient, ConverseCommand } from '@aws-sdk/client-bedrock-runtime'
import { GoogleGenAI } from '@google/genai'
import { ChatAnthropic } from '@langchain/anthropic'
import { ChatOpenAI } from '@langchain/openai'
import { Mistral } from '@mistralai/mistralai'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { generateText } from 'ai'
import cohere from 'cohere-ai'
import OpenAI from 'openai'
import { BASE } from './cases.mjs'

const model = 'openai-chat/echo', messages = [{ role: 'user', content: 'hi' }]
// Some show the JSON it came in.
const SENTENCE = /key \\*"[\w-]+\\*" has used \$0\.10 of \$0\.10 today; resets \d{4}-\d\d-\d\dT00:00:00\.000Z/g

globalThis.AI_SDK_LOG_WARNINGS = false
const openai = (apiKey) => new OpenAI({ baseURL: `${BASE}/v1`, apiKey })
const anthropic = (apiKey) => new Anthropic({ baseURL: BASE, apiKey })
const ai = (of) => (apiKey) => generateText({ model: of(apiKey), prompt: 'hi' })

const CLIENTS = {
	'openai-chat': (key) => openai(key).chat.completions.create({ model, messages }),
	'openai-chat-stream': (key) => openai(key).chat.completions.create({ model, messages, stream: true }),
	'openai-responses': (key) => openai(key).responses.create({ model, input: 'hi' }),
	anthropic: (key) => anthropic(key).messages.create({ model, messages, max_tokens: 9 }),
	'anthropic-stream': (key) => anthropic(key).messages.stream({ model, messages, max_tokens: 9 }).finalMessage(),
	genai: (key) => new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: BASE } }).models.generateContent({ model, contents: 'hi' }),
	bedrock: (key) => new BedrockRuntimeClient({ endpoint: BASE, region: 'us-east-1', token: { token: key },
		authSchemePreference: ['httpBearerAuth'], requestHandler: new NodeHttpHandler() })
		.send(new ConverseCommand({ modelId: model, messages: [{ role: 'user', content: [{ text: 'hi' }] }] })),
	mistral: (key) => new Mistral({ serverURL: BASE, apiKey: key }).chat.complete({ model, messages }),
	cohere: (key) => new cohere.CohereClientV2({ environment: BASE, token: key }).chat({ model, messages }),
	'ai-openai': ai((apiKey) => createOpenAI({ baseURL: `${BASE}/v1`, apiKey })(model)),
	'ai-openai-chat': ai((apiKey) => createOpenAI({ baseURL: `${BASE}/v1`, apiKey }).chat(model)),
	'ai-anthropic': ai((apiKey) => createAnthropic({ baseURL: `${BASE}/v1`, apiKey })(model)),
	'ai-google': ai((apiKey) => createGoogle({ baseURL: `${BASE}/v1beta`, apiKey })(`models/${model}`)),
	'ai-compatible': ai((apiKey) => createOpenAICompatible({ name: 'sluice', baseURL: `${BASE}/v1`, apiKey })(model)),
	'langchain-openai': (apiKey) => new ChatOpenAI({ model, apiKey, configuration: { baseURL: `${BASE}/v1` } }).invoke('hi'),
	'langchain-anthropic': (apiKey) => new ChatAnthropic({ model, apiKey, anthropicApiUrl: BASE, maxTokens: 9 }).invoke('hi'),
}

async function one(name, key) {
	try {
		const value = await CLIENTS[name](key)
		console.log(`FAIL ${name}: no error but ${JSON.stringify(value).slice(0, 300)}`)
	} catch (error) {
		const found = error.message.match(SENTENCE) ?? []
		console.log(found.length === 1 ? `ok ${name}` : `FAIL ${name}: ${found.length} sentences in ${error.message.slice(0, 600).replaceAll('\n', ' ')}`)
	}
}

if (process.env.KEYS) {
	const keys = JSON.parse(process.env.KEYS)
	await Promise.all(Object.keys(CLIENTS).map((name) => one(name, keys[name])))
	console.log('done')
} else {
	console.log(Object.keys(CLIENTS).join('\n'))
}
process.exit(0)
