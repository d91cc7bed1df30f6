// `@google/genai`.

import { ApiError, GoogleGenAI } from '@google/genai'
import { BASE, KEY, PNG, isStatus, listed, run } from './cases.mjs'

const { models } = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: BASE } })
const is = { limited: isStatus(ApiError, 429), unknown: isStatus(ApiError, 404) }

function body(turn) {
	const parts = [{ text: turn.text }]
	if (turn.image) parts.push({ inlineData: { mimeType: 'image/png', data: PNG } })
	const contents = [{ role: 'user', parts }]
	if (turn.past) contents.push({ role: 'model', parts: turn.past.kept }, { role: 'user', parts: [{ functionResponse: {
		id: turn.past.call.id, name: turn.past.call.name, response: { output: turn.past.result } } }] })
	const config = { abortSignal: turn.signal }
	if (turn.system) config.systemInstruction = turn.system
	if (turn.tools) config.tools = [{ functionDeclarations: listed(turn.tools).map(({ name, description, schema }) =>
		({ name, description, parametersJsonSchema: schema })) }]
	if (turn.choice) config.toolConfig = { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: [turn.choice] } }
	if (turn.schema) Object.assign(config, { responseMimeType: 'application/json', responseJsonSchema: turn.schema })
	if (turn.think) config.thinkingConfig = { thinkingBudget: 2048, includeThoughts: true }
	return { model: turn.model, contents, config }
}

async function ask(turn) {
	const parts = []
	let usage, finish
	const take = (answer) => {
		const said = answer.candidates?.[0]?.content?.parts ?? []
		parts.push(...said)
		if (said.some((part) => part.text)) turn.seen?.()
		usage = answer.usageMetadata ?? usage
		finish = answer.candidates?.[0]?.finishReason ?? finish
	}
	if (turn.stream) {
		for await (const chunk of await models.generateContentStream(body(turn))) take(chunk)
	} else {
		take(await models.generateContent(body(turn)))
	}
	if (finish !== 'STOP') throw new Error(`finishReason ${finish}`)
	const calls = parts.filter((part) => part.functionCall)
		.map(({ functionCall: { id, name, args } }) => ({ id, name, args }))
	return { text: parts.filter((part) => !part.thought).map((part) => part.text ?? '').join(''),
		reasoning: parts.filter((part) => part.thought).map((part) => part.text ?? '').join(''),
		calls, kept: parts, usage: [usage?.promptTokenCount, usage?.candidatesTokenCount] }
}

await run([{ name: 'genai', format: 'gemini', ask, is }])
