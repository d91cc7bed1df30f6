// `@mistralai/mistralai`: Chat Completions in its own strict reading. It shows no reasoning but
// its own chunks.

import { Mistral } from '@mistralai/mistralai'
import { MistralError } from '@mistralai/mistralai/models/errors'
import { BASE, KEY, PNG, isStatus, listed, run } from './cases.mjs'

const { chat } = new Mistral({ serverURL: BASE, apiKey: KEY, retryConfig: { strategy: 'none' } })
const is = { limited: isStatus(MistralError, 429), unknown: isStatus(MistralError, 404) }

function body(turn) {
	const messages = []
	if (turn.system) messages.push({ role: 'system', content: turn.system })
	messages.push({ role: 'user', content: turn.image ? [{ type: 'text', text: turn.text },
		{ type: 'image_url', imageUrl: `data:image/png;base64,${PNG}` }] : turn.text })
	if (turn.past) messages.push({ ...turn.past.kept, role: 'assistant' },
		{ role: 'tool', toolCallId: turn.past.call.id, name: turn.past.call.name, content: turn.past.result })
	const made = { model: turn.model, messages }
	if (turn.tools) made.tools = listed(turn.tools).map(({ name, description, schema }) =>
		({ type: 'function', function: { name, description, parameters: schema } }))
	if (turn.choice) made.toolChoice = { type: 'function', function: { name: turn.choice } }
	if (turn.schema) made.responseFormat = { type: 'json_schema', jsonSchema: { name: 'plan', schemaDefinition: turn.schema, strict: true } }
	return made
}

async function ask(turn) {
	const options = { fetchOptions: { signal: turn.signal } }
	let message, usage
	if (turn.stream) {
		message = { content: '', toolCalls: [] }
		let finish
		for await (const { data } of await chat.stream(body(turn), options)) {
			usage = data.usage ?? usage
			const choice = data.choices[0]
			finish = choice?.finishReason ?? finish
			message.content += choice?.delta.content ?? ''
			if (choice?.delta.content) turn.seen?.()
			for (const piece of choice?.delta.toolCalls ?? []) {
				const known = message.toolCalls[piece.index]
				if (known) known.function.arguments += piece.function.arguments
				else message.toolCalls[piece.index] = piece
			}
		}
		if (!finish) throw new Error('no finish')
	} else {
		const answer = await chat.complete(body(turn), options)
		usage = answer.usage
		message = answer.choices[0].message
	}
	const calls = (message.toolCalls ?? []).map((each) => ({ id: each.id, name: each.function.name,
		args: typeof each.function.arguments === 'string' ? JSON.parse(each.function.arguments) : each.function.arguments }))
	return { text: message.content ?? '', calls, kept: message, usage: [usage?.promptTokens, usage?.completionTokens] }
}

// In a stream it wants a call whole, as Mistral sends it, and not in OpenAI's pieces.
const pieces = 'the SDK wants a streamed call in one piece'
const nulled = 'the SDK refuses "usage":null, which stands in chunks since the gateway asked for usage'
await run([{ name: 'mistral', format: 'openai-chat', ask, is, bare: true, without: ['reasoning', 'reasoning streamed'], known: {
	'tool call streamed': pieces, 'one of two tools streamed': pieces, 'openai-chat/stream': nulled,
	'openai-chat/a cut stream throws': nulled, 'openai-chat/stream aborted': nulled } }])
