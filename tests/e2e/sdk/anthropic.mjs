// `@anthropic-ai/sdk`: Messages.

import Anthropic from '@anthropic-ai/sdk'
import { BASE, KEY, PNG, check, isStatus, listed, run } from './cases.mjs'

const client = new Anthropic({ baseURL: BASE, apiKey: KEY, maxRetries: 0 })
const is = { limited: isStatus(Anthropic.RateLimitError, 429), unknown: isStatus(Anthropic.NotFoundError, 404) }

function body(turn) {
	const content = [{ type: 'text', text: turn.text }]
	if (turn.image) content.push({ type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } })
	const messages = [{ role: 'user', content }]
	if (turn.past) messages.push({ role: 'assistant', content: turn.past.kept },
		{ role: 'user', content: [{ type: 'tool_result', tool_use_id: turn.past.call.id, content: turn.past.result }] })
	const made = { model: turn.model, messages, max_tokens: 4096 }
	if (turn.system) made.system = turn.system
	if (turn.tools) made.tools = listed(turn.tools).map(({ name, description, schema }) => ({ name, description, input_schema: schema }))
	if (turn.choice) made.tool_choice = { type: 'tool', name: turn.choice }
	if (turn.schema) made.output_config = { format: { type: 'json_schema', schema: turn.schema } }
	if (turn.think) made.thinking = { type: 'enabled', budget_tokens: 2048 }
	return made
}

async function ask(turn) {
	const options = { signal: turn.signal }
	let message
	if (turn.stream) {
		const stream = client.messages.stream(body(turn), options)
		let text = ''
		stream.on('text', (delta) => {
			text += delta
			turn.seen?.()
		})
		message = await stream.finalMessage()
		check(text === message.content.map((block) => block.text ?? '').join(''), 'the helper heard another text', message, text)
	} else {
		message = turn.schema ? await client.messages.parse(body(turn), options) : await client.messages.create(body(turn), options)
	}
	const pick = (type) => message.content.filter((block) => block.type === type)
	const calls = pick('tool_use').map((block) => ({ id: block.id, name: block.name, args: block.input }))
	check(message.stop_reason === (calls.length ? 'tool_use' : 'end_turn'), 'stop_reason', message)
	return { text: pick('text').map((block) => block.text).join(''), reasoning: pick('thinking').map((block) => block.thinking).join(''),
		calls, kept: message.content, usage: [message.usage.input_tokens, message.usage.output_tokens] }
}

await run([{ name: 'anthropic', format: 'anthropic', ask, is }])
