// Vercel's `ai` with its providers for OpenAI (Responses and Chat), Anthropic, Google, compatible
// hosts, and OpenRouter's.

import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogle } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { createOpenRouter } from '@openrouter/ai-sdk-provider'
import { APICallError, Output, generateText, jsonSchema, streamText, tool } from 'ai'
import { BASE, KEY, PNG, listed, run } from './cases.mjs'

// An aborted stream sometimes leaves a promise behind that nobody awaits.
process.on('unhandledRejection', (error) => {
	if (error?.name !== 'AbortError') throw error
})
globalThis.AI_SDK_LOG_WARNINGS = false
// Not instanceof: each package may bring a class of its own.
const isCall = (status) => (error) => APICallError.isInstance(error) && error.statusCode === status
const is = { limited: isCall(429), unknown: isCall(404) }

function asks(model, providerOptions) {
	return async (turn) => {
		const content = [{ type: 'text', text: turn.text }]
		if (turn.image) content.push({ type: 'image', image: PNG, mediaType: 'image/png' })
		const messages = [{ role: 'user', content }]
		if (turn.past) messages.push(...turn.past.kept, { role: 'tool', content: [{ type: 'tool-result',
			toolCallId: turn.past.call.id, toolName: turn.past.call.name, output: { type: 'text', value: turn.past.result } }] })
		const options = { model: model(turn.model), messages, maxRetries: 0, abortSignal: turn.signal }
		if (turn.system) options.system = turn.system
		if (turn.tools) options.tools = Object.fromEntries(listed(turn.tools).map(({ name, description, schema }) =>
			[name, tool({ description, inputSchema: jsonSchema(schema) })]))
		if (turn.choice) options.toolChoice = { type: 'tool', toolName: turn.choice }
		if (turn.schema) options.output = Output.object({ schema: jsonSchema(turn.schema) })
		options.providerOptions = providerOptions?.(turn)
		let result
		if (turn.stream) {
			result = streamText({ ...options, onError: () => {} })
			for await (const part of result.fullStream) {
				if (part.type === 'error') throw part.error
				if (part.type === 'abort') throw new Error('aborted')
				if (part.type === 'text-delta') turn.seen?.()
			}
		} else {
			result = await generateText(options)
		}
		const calls = (await result.toolCalls).map((call) => ({ id: call.toolCallId, name: call.toolName, args: call.input }))
		const { inputTokens, outputTokens } = await result.usage
		return { text: await result.text, reasoning: await result.reasoningText, calls,
			parsed: turn.schema ? await result.output : undefined, kept: (await result.response).messages,
			usage: [inputTokens, outputTokens] }
	}
}

const openai = createOpenAI({ baseURL: `${BASE}/v1`, apiKey: KEY })
const anthropic = createAnthropic({ baseURL: `${BASE}/v1`, apiKey: KEY })
const google = createGoogle({ baseURL: `${BASE}/v1beta`, apiKey: KEY })
const compatible = createOpenAICompatible({ name: 'sluice', baseURL: `${BASE}/v1`, apiKey: KEY, supportsStructuredOutputs: true,
	includeUsage: true })
const openrouter = createOpenRouter({ baseURL: `${BASE}/v1`, apiKey: KEY, compatibility: 'strict' })

await run([
	{ name: 'ai openai', format: 'openai-responses', is, ask: asks((id) => openai(id), (turn) => ({ openai: { store: false,
		...(turn.think && { forceReasoning: true, reasoningEffort: 'low', reasoningSummary: 'auto' }) } })) },
	// Its chat model shows no reasoning.
	{ name: 'ai openai.chat', format: 'openai-chat', is, ask: asks((id) => openai.chat(id)), without: ['reasoning', 'reasoning streamed'] },
	{ name: 'ai anthropic', format: 'anthropic', is, ask: asks((id) => anthropic(id), (turn) => ({ anthropic: {
		structuredOutputMode: 'outputFormat', ...(turn.think && { thinking: { type: 'enabled', budgetTokens: 2048 } }) } })) },
	// It takes a name with a slash for a path of its own.
	{ name: 'ai google', format: 'gemini', is, ask: asks((id) => google(id), (turn) => ({ google: turn.think
		? { thinkingConfig: { thinkingBudget: 2048, includeThoughts: true } } : {} })), model: (provider, model) => `models/${provider}/${model}` },
	{ name: 'ai compatible', format: 'openai-chat', is, ask: asks((id) => compatible(id), (turn) => ({ sluice: turn.think
		? { reasoningEffort: 'low' } : {} })) },
	// It looks for reasoning where OpenRouter has it: in `reasoning`, not in `reasoning_content`.
	{ name: 'ai openrouter', format: 'openai-chat', is, ask: asks((id) => openrouter.chat(id)), without: ['reasoning', 'reasoning streamed'] },
])
