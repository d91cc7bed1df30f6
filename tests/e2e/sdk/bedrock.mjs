// `@aws-sdk/client-bedrock-runtime`: Converse, over HTTP/1.1 and with a bearer token.

import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand, ResourceNotFoundException,
	ThrottlingException } from '@aws-sdk/client-bedrock-runtime'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { BASE, KEY, PNG, check, listed, run } from './cases.mjs'

const client = new BedrockRuntimeClient({ endpoint: BASE, region: 'us-east-1', token: { token: KEY },
	authSchemePreference: ['httpBearerAuth'], requestHandler: new NodeHttpHandler(), maxAttempts: 1 })
const is = { limited: (error) => error instanceof ThrottlingException && error.$metadata.httpStatusCode === 429,
	unknown: (error) => error instanceof ResourceNotFoundException && error.$metadata.httpStatusCode === 404 }

function input(turn) {
	const content = [{ text: turn.text }]
	if (turn.image) content.push({ image: { format: 'png', source: { bytes: Buffer.from(PNG, 'base64') } } })
	const messages = [{ role: 'user', content }]
	if (turn.past) messages.push(turn.past.kept, { role: 'user', content: [{ toolResult: { toolUseId: turn.past.call.id,
		content: [{ text: turn.past.result }] } }] })
	const made = { modelId: turn.model, messages }
	if (turn.system) made.system = [{ text: turn.system }]
	if (turn.tools) made.toolConfig = { tools: listed(turn.tools).map(({ name, description, schema }) =>
		({ toolSpec: { name, description, inputSchema: { json: schema } } })) }
	if (turn.choice) made.toolConfig.toolChoice = { tool: { name: turn.choice } }
	if (turn.schema) made.outputConfig = { textFormat: { type: 'json_schema', structure: { jsonSchema: { name: 'plan',
		schema: JSON.stringify(turn.schema) } } } }
	if (turn.think) Object.assign(made, { inferenceConfig: { maxTokens: 8000 },
		additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 2048 } } })
	return made
}

async function collect(stream, seen) {
	const content = []
	let usage, stopReason
	for await (const event of stream) {
		if (event.contentBlockStart) {
			const { contentBlockIndex, start } = event.contentBlockStart
			content[contentBlockIndex] = { toolUse: { ...start.toolUse, input: '' } }
		}
		if (event.contentBlockDelta) {
			const { contentBlockIndex: i, delta } = event.contentBlockDelta
			if (delta.text !== undefined) {
				content[i] = { text: (content[i]?.text ?? '') + delta.text }
				seen?.()
			}
			if (delta.toolUse) content[i].toolUse.input += delta.toolUse.input
			if (delta.reasoningContent) {
				const known = content[i]?.reasoningContent?.reasoningText ?? { text: '' }
				known.text += delta.reasoningContent.text ?? ''
				known.signature = delta.reasoningContent.signature ?? known.signature
				content[i] = { reasoningContent: { reasoningText: known } }
			}
		}
		stopReason = event.messageStop?.stopReason ?? stopReason
		usage = event.metadata?.usage ?? usage
	}
	check(stopReason && usage, 'the stream ended early')
	for (const { toolUse } of content) if (toolUse) toolUse.input = JSON.parse(toolUse.input || '{}')
	return { message: { role: 'assistant', content }, stopReason, usage }
}

async function ask(turn) {
	const options = { abortSignal: turn.signal }
	let message, stopReason, usage
	if (turn.stream) {
		({ message, stopReason, usage } = await collect((await client.send(new ConverseStreamCommand(input(turn)), options)).stream, turn.seen))
	} else {
		const got = await client.send(new ConverseCommand(input(turn)), options)
		;({ output: { message }, stopReason, usage } = got)
	}
	const calls = message.content.filter((block) => block.toolUse)
		.map(({ toolUse }) => ({ id: toolUse.toolUseId, name: toolUse.name, args: toolUse.input }))
	check(stopReason === (calls.length ? 'tool_use' : 'end_turn'), 'stopReason', stopReason)
	return { text: message.content.map((block) => block.text ?? '').join(''), calls, kept: message,
		reasoning: message.content.map((block) => block.reasoningContent?.reasoningText?.text ?? '').join(''),
		usage: [usage.inputTokens, usage.outputTokens] }
}

await run([{ name: 'bedrock', format: 'bedrock', ask, is }])
