// `openai`: Chat Completions and Responses.

import OpenAI from 'openai'
import { BASE, KEY, PNG, check, isStatus, listed, run } from './cases.mjs'

const client = new OpenAI({ baseURL: `${BASE}/v1`, apiKey: KEY, maxRetries: 0 })
const is = { limited: isStatus(OpenAI.RateLimitError, 429), unknown: isStatus(OpenAI.NotFoundError, 404) }

function chatBody(turn) {
	const messages = []
	if (turn.system) messages.push({ role: 'system', content: turn.system })
	messages.push({ role: 'user', content: turn.image ? [{ type: 'text', text: turn.text },
		{ type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }] : turn.text })
	if (turn.past) messages.push(turn.past.kept, { role: 'tool', tool_call_id: turn.past.call.id, content: turn.past.result })
	const body = { model: turn.model, messages }
	if (turn.tools) body.tools = listed(turn.tools).map(({ name, description, schema }) =>
		({ type: 'function', function: { name, description, parameters: schema, strict: true } }))
	if (turn.choice) body.tool_choice = { type: 'function', function: { name: turn.choice } }
	if (turn.schema) body.response_format = { type: 'json_schema', json_schema: { name: 'plan', schema: turn.schema, strict: true } }
	if (turn.think) body.reasoning_effort = 'low'
	return body
}

async function chat(turn) {
	const body = chatBody(turn), options = { signal: turn.signal }
	let completion, reasoning = '', text = ''
	if (turn.stream) {
		const stream = client.chat.completions.stream({ ...body, stream_options: { include_usage: true } }, options)
		for await (const chunk of stream) {
			const delta = chunk.choices[0]?.delta
			reasoning += delta?.reasoning_content ?? ''
			text += delta?.content ?? ''
			if (delta?.content) turn.seen?.()
		}
		completion = await stream.finalChatCompletion()
		check((completion.choices[0].message.content ?? '') === text, 'the helper heard another text', completion, text)
	} else {
		completion = turn.schema ? await client.chat.completions.parse(body, options) : await client.chat.completions.create(body, options)
		reasoning = completion.choices[0].message.reasoning_content
	}
	const { message, finish_reason } = completion.choices[0]
	const calls = (message.tool_calls ?? []).map((each) =>
		({ id: each.id, name: each.function.name, args: JSON.parse(each.function.arguments) }))
	check(finish_reason === (calls.length && !turn.choice ? 'tool_calls' : finish_reason), 'finish', finish_reason)
	return { text: message.content ?? '', reasoning, calls, parsed: message.parsed ?? undefined, kept: message,
		usage: [completion.usage?.prompt_tokens, completion.usage?.completion_tokens] }
}

function responsesBody(turn) {
	const content = [{ type: 'input_text', text: turn.text }]
	if (turn.image) content.push({ type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${PNG}` })
	const input = [{ role: 'user', content }]
	if (turn.past) input.push(...turn.past.kept, { type: 'function_call_output', call_id: turn.past.call.id, output: turn.past.result })
	const body = { model: turn.model, input, store: false }
	if (turn.system) body.instructions = turn.system
	if (turn.tools) body.tools = listed(turn.tools).map(({ name, description, schema }) =>
		({ type: 'function', name, description, parameters: schema, strict: true }))
	if (turn.choice) body.tool_choice = { type: 'function', name: turn.choice }
	if (turn.schema) body.text = { format: { type: 'json_schema', name: 'plan', schema: turn.schema, strict: true } }
	if (turn.think) body.reasoning = { effort: 'low', summary: 'auto' }
	return body
}

async function responses(turn) {
	const body = responsesBody(turn), options = { signal: turn.signal }
	let response
	if (turn.stream) {
		const stream = client.responses.stream(body, options)
		let text = ''
		for await (const event of stream) {
			if (event.type === 'response.output_text.delta') {
				text += event.delta
				turn.seen?.()
			}
		}
		response = await stream.finalResponse()
		check(response.output_text === text, 'the helper heard another text', response, text)
	} else {
		response = turn.schema ? await client.responses.parse(body, options) : await client.responses.create(body, options)
	}
	check(response.status === 'completed', response)
	const calls = response.output.filter((item) => item.type === 'function_call')
		.map((item) => ({ id: item.call_id, name: item.name, args: JSON.parse(item.arguments) }))
	const reasoning = response.output.filter((item) => item.type === 'reasoning')
		.flatMap((item) => [...(item.summary ?? []), ...(item.content ?? [])]).map((part) => part.text).join('')
	return { text: response.output_text, reasoning, calls, parsed: response.output_parsed ?? undefined, kept: response.output,
		usage: [response.usage?.input_tokens, response.usage?.output_tokens] }
}

// Only providers of this format have embeddings.
async function embeddings() {
	try {
		const got = await client.embeddings.create({ model: 'openai-chat/embed', input: ['a', 'b'] })
		check(got.data.length === 2 && got.data.every((each) => each.embedding.every(Number.isFinite)), got)
		console.log('ok openai->openai-chat/embeddings')
	} catch (error) {
		console.log(`FAIL openai->openai-chat/embeddings: ${error.message}`)
	}
}

// What the provider keeps.
async function stored() {
	const label = 'openai responses->openai-responses/stored'
	const gone = (promise) => promise.then(() => false, (error) => error instanceof OpenAI.NotFoundError)
	try {
		const model = 'openai-responses/echo', made = await client.responses.create({ model, input: 'hi' })
		const got = await client.responses.retrieve(made.id)
		check(got.id === made.id && got.status === 'completed', got)
		check(Array.isArray((await client.responses.inputItems.list(made.id)).data), 'input items')
		check((await client.responses.cancel(made.id)).id === made.id, 'cancel')
		const next = await client.responses.create({ model, input: 'on', previous_response_id: made.id })
		check(next.output_text === 'You said: on', next)
		await client.responses.delete(made.id)
		check(await gone(client.responses.retrieve(made.id)), 'it is still there')
		check(await gone(client.responses.delete('resp_never')), 'one that never was')
		console.log(`ok ${label}`)
	} catch (error) {
		console.log(`FAIL ${label}: ${error.message}`)
	}
}

await run([{ name: 'openai chat', format: 'openai-chat', ask: chat, is, more: embeddings },
	{ name: 'openai responses', format: 'openai-responses', ask: responses, is, more: stored }])
