// `cohere-ai`: v2 chat.

import cohere from 'cohere-ai'
import { BASE, KEY, PNG, check, listed, run } from './cases.mjs'

const { CohereClientV2, Cohere } = cohere
const client = new CohereClientV2({ environment: BASE, token: KEY, maxRetries: 0 })
const is = { limited: (error) => error instanceof Cohere.TooManyRequestsError && error.statusCode === 429,
	unknown: (error) => error instanceof Cohere.NotFoundError && error.statusCode === 404 }

function body(turn) {
	const messages = []
	if (turn.system) messages.push({ role: 'system', content: turn.system })
	messages.push({ role: 'user', content: turn.image ? [{ type: 'text', text: turn.text },
		{ type: 'image_url', imageUrl: { url: `data:image/png;base64,${PNG}` } }] : turn.text })
	if (turn.past) messages.push(turn.past.kept, { role: 'tool', toolCallId: turn.past.call.id, content: turn.past.result })
	const made = { model: turn.model, messages }
	if (turn.tools) made.tools = listed(turn.tools).filter(({ name }) => !turn.choice || name === turn.choice)
		.map(({ name, description, schema }) => ({ type: 'function', function: { name, description, parameters: schema } }))
	if (turn.choice) made.toolChoice = 'REQUIRED'
	if (turn.schema) made.responseFormat = { type: 'json_object', jsonSchema: turn.schema }
	if (turn.think) made.thinking = { type: 'enabled', tokenBudget: 2048 }
	return made
}

// The events of a stream, put together to the message that a whole answer has.
async function collect(stream, seen) {
	const message = { role: 'assistant', content: [], toolCalls: [] }
	let usage, end
	for await (const event of stream) {
		const { delta, index } = event
		if (event.type === 'content-start') message.content[index] = { ...delta.message.content }
		if (event.type === 'content-delta') {
			const block = message.content[index], piece = delta.message.content
			if (piece.text !== undefined) block.text = (block.text ?? '') + piece.text
			if (piece.thinking !== undefined) block.thinking = (block.thinking ?? '') + piece.thinking
			seen?.()
		}
		if (event.type === 'tool-call-start') message.toolCalls.push(delta.message.toolCalls)
		if (event.type === 'tool-call-delta') message.toolCalls.at(-1).function.arguments += delta.message.toolCalls.function.arguments
		if (event.type === 'message-end') {
			end = delta.finishReason
			usage = delta.usage
			if (delta.error || end === 'ERROR') throw new Error(`cohere: ${delta.error}`)
		}
	}
	check(end, 'the stream ended without message-end')
	message.content = message.content.filter(Boolean)
	return { message, usage }
}

async function ask(turn) {
	const options = { abortSignal: turn.signal }
	const { message, usage } = turn.stream ? await collect(await client.chatStream(body(turn), options), turn.seen)
		: await client.chat(body(turn), options)
	const calls = (message.toolCalls ?? []).map((call) => ({ id: call.id, name: call.function.name, args: JSON.parse(call.function.arguments) }))
	const content = message.content ?? []
	const kept = { role: 'assistant' }
	if (calls.length) kept.toolCalls = message.toolCalls
	else kept.content = content
	return { text: content.map((block) => block.text ?? '').join(''), reasoning: content.map((block) => block.thinking ?? '').join(''),
		calls, kept, usage: [usage?.tokens?.inputTokens, usage?.tokens?.outputTokens] }
}

await run([{ name: 'cohere', format: 'cohere', ask, is }])
