// LangChain's models for OpenAI (Chat and Responses), Anthropic and Google.

import { ChatAnthropic } from '@langchain/anthropic'
import { HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages'
import { ChatGoogleGenerativeAI } from '@langchain/google-genai'
import { ChatOpenAI } from '@langchain/openai'
import { BASE, KEY, PNG, check, listed, run } from './cases.mjs'

// @google/generative-ai forks its stream and leaves one half alone with its errors.
process.on('unhandledRejection', () => {})

const is = { limited: (error) => error.status === 429, unknown: (error) => error.status === 404 }

// `choose` says in the model's words that this tool is wanted.
function asks(make, choose, how = { method: 'jsonSchema' }) {
	return async (turn) => {
		let model = make(turn)
		if (turn.tools) model = model.bindTools(listed(turn.tools).map(({ name, description, schema }) =>
			({ name, description, schema })), turn.choice ? { tool_choice: choose(turn.choice) } : undefined)
		const messages = [new HumanMessage({ content: turn.image ? [{ type: 'text', text: turn.text },
			{ type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }] : turn.text })]
		if (turn.system) messages.unshift(new SystemMessage(turn.system))
		if (turn.past) messages.push(turn.past.kept, new ToolMessage({ content: turn.past.result, tool_call_id: turn.past.call.id,
			name: turn.past.call.name }))
		const options = { signal: turn.signal }
		if (turn.schema) return { parsed: await model.withStructuredOutput(turn.schema, how).invoke(messages, options) }
		let message
		if (turn.stream) {
			for await (const chunk of await model.stream(messages, options)) {
				message = message ? message.concat(chunk) : chunk
				if (chunk.text) turn.seen?.()
			}
			turn.signal?.throwIfAborted()
			check(message, 'an empty stream')
		} else {
			message = await model.invoke(messages, options)
		}
		const thoughts = message.contentBlocks.map((block) => (block.type === 'reasoning' ? block.reasoning : block.thinking) ?? '')
		return { text: message.text, reasoning: thoughts.join('') || message.additional_kwargs.reasoning_content, kept: message,
			calls: message.tool_calls.map(({ id, name, args }) => ({ id, name, args })),
			usage: [message.usage_metadata?.input_tokens, message.usage_metadata?.output_tokens] }
	}
}

const openai = (more) => (turn) => new ChatOpenAI({ model: turn.model, apiKey: KEY, maxRetries: 0,
	configuration: { baseURL: `${BASE}/v1` }, ...more(turn) })
const anthropic = (turn) => new ChatAnthropic({ model: turn.model, apiKey: KEY, maxRetries: 0, anthropicApiUrl: BASE, maxTokens: 4096,
	...(turn.think && { thinking: { type: 'enabled', budget_tokens: 2048 } }) })
const google = (turn) => new ChatGoogleGenerativeAI({ model: turn.model, apiKey: KEY, maxRetries: 0, baseUrl: BASE,
	...(turn.think && { thinkingConfig: { thinkingBudget: 2048, includeThoughts: true } }) })

await run([
	{ name: 'langchain openai', format: 'openai-chat', is, ask: asks(openai(() => ({})), (name) => name) },
	{ name: 'langchain openai responses', format: 'openai-responses', is, ask: asks(openai((turn) => ({ useResponsesApi: true,
		...(turn.think && { reasoning: { effort: 'low', summary: 'auto' } }) })), (name) => name) },
	{ name: 'langchain anthropic', format: 'anthropic', is, ask: asks(anthropic, (name) => ({ type: 'tool', name })) },
	// It takes a name with a slash for a path of its own, and images only for names that begin with
	// gemini-2: its users need a route. It gives an abort signal to streams alone.
	{ name: 'langchain google', format: 'gemini', is, ask: asks(google, (name) => name),
		model: (provider, model) => `gemini-2-${provider}.${model}`, without: ['unary aborted'] },
])
