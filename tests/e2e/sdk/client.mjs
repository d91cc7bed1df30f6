// The official OpenAI SDK, unmodified, against sluice: `node client.mjs mock|fake`.
//
// BASE_URL and KEY say where; each test prints `ok name` or `FAIL name: why`, which
// ../sdk_test.py turns into rows. With `mock` the gateway runs without a config and answers
// by its built-in mock/* models; with `fake` it stands in front of fake_provider.py.

import OpenAI, { toFile } from 'openai'

const [, , mode] = process.argv
const { BASE_URL, KEY } = process.env
const options = { baseURL: BASE_URL, apiKey: KEY, maxRetries: 0, timeout: 30000 }
const client = new OpenAI(options)
const hello = [{ role: 'user', content: 'hello there' }]

function check(condition, ...what) {
	if (!condition) throw new Error('check: ' + what.map((w) => (typeof w === 'string' ? w : JSON.stringify(w))).join(' '))
}

async function fails(promise, kind, status) {
	let value
	try {
		value = await promise
	} catch (error) {
		check(error instanceof kind, `wanted ${kind.name}, got ${error.constructor.name}: ${error.message}`)
		if (status) check(error.status === status, `status ${error.status}, wanted ${status}: ${error.message}`)
		check(status === undefined || error.message.length > 5, 'no message', error.message)
		return error
	}
	throw new Error(`no error but ${JSON.stringify(value)}`)
}

// Reads a stream to its end; gives text, finish reasons, chunk count and usage.
async function collect(stream) {
	const got = { text: '', finish: [], chunks: 0, usage: null, roles: 0 }
	for await (const chunk of stream) {
		got.chunks++
		if (chunk.usage) got.usage = chunk.usage
		for (const choice of chunk.choices) {
			if (choice.delta?.role) got.roles++
			got.text += choice.delta?.content ?? ''
			if (choice.finish_reason) got.finish.push(choice.finish_reason)
		}
	}
	return got
}

function models(names) {
	return {
		chat: async () => {
			const { data, response } = await client.chat.completions
				.create({ model: names.chat, messages: hello }).withResponse()
			check(data.choices[0].message.content.includes('hello there'), data)
			check(data.choices[0].finish_reason === 'stop', data)
			check(data.usage.total_tokens === data.usage.prompt_tokens + data.usage.completion_tokens, data.usage)
			check(response.headers.get('x-sluice-provider'), 'no x-sluice-provider')
			check(data._request_id, 'no x-request-id seen by the SDK')
		},
		stream: async () => {
			const got = await collect(await client.chat.completions.create({ model: names.chat, messages: hello, stream: true }))
			check(got.text.includes('hello there') && got.finish.join() === 'stop', got)
			check(got.usage === null, 'usage although not asked for', got)
		},
		'stream with usage': async () => {
			const got = await collect(await client.chat.completions.create({
				model: names.chat, messages: hello, stream: true, stream_options: { include_usage: true } }))
			check(got.text.includes('hello there') && got.usage?.completion_tokens > 0, got)
		},
		'stream helper': async () => {
			const final = await client.chat.completions.stream({ model: names.chat, messages: hello }).finalChatCompletion()
			check(final.choices[0].message.content.includes('hello there'), final)
		},
		'stream aborted': async () => {
			const stream = await client.chat.completions.create({ model: names.slow, messages: hello, stream: true })
			let chunks = 0
			for await (const chunk of stream) {
				chunks += chunk.choices.length
				stream.controller.abort()
			}
			check(chunks >= 1 && chunks < 50, `${chunks} chunks`)
			await client.chat.completions.create({ model: names.chat, messages: hello })
		},
		'unary aborted': async () => {
			const controller = new AbortController()
			const promise = client.chat.completions.create({ model: names.stall, messages: hello }, { signal: controller.signal })
			setTimeout(() => controller.abort(), 100)
			await fails(promise, OpenAI.APIUserAbortError)
		},
		embeddings: async () => {
			const same = await client.embeddings.create({ model: names.embed, input: ['a', 'b', 'a'] })
			check(same.data.length === 3 && same.data.every((each, i) => each.index === i), same)
			const [a, b, c] = same.data.map((each) => each.embedding)
			check(Array.isArray(a) && a.length >= 4 && a.every(Number.isFinite), 'not decoded from base64', a)
			check(a.join() === c.join() && a.join() !== b.join(), 'not deterministic')
			const floats = await client.embeddings.create({ model: names.embed, input: 'a', encoding_format: 'float' })
			check(floats.data[0].embedding.every((value, i) => Math.abs(value - a[i]) < 1e-6), 'float and base64 differ')
		},
		'images generate': async () => {
			const got = await client.images.generate({ model: names.image, prompt: 'a cat', response_format: 'b64_json' })
			check(got.data.length >= 1 && Buffer.from(got.data[0].b64_json ?? '', 'base64').length > 0, got)
		},
		'images edit': async () => {
			const image = await toFile(Buffer.from('89504e470d0a1a0a', 'hex'), 'cat.png', { type: 'image/png' })
			const got = await client.images.edit({ model: names.image, image, prompt: 'a hat' })
			check(got.data.length >= 1, got)
		},
		transcription: async () => {
			const file = await toFile(Buffer.alloc(300000, 7), 'speech.wav')
			const got = await client.audio.transcriptions.create({ model: names.transcribe, file })
			check(typeof got.text === 'string' && got.text.length > 0, got)
		},
		speech: async () => {
			const response = await client.audio.speech.create({ model: names.speech, voice: 'alloy', input: 'hello' })
			const bytes = Buffer.from(await response.arrayBuffer())
			check(bytes.length > 100 && response.headers.get('content-type').startsWith('audio/'), bytes.length)
		},
		moderation: async () => {
			const got = await client.moderations.create({ model: names.moderation, input: 'hello' })
			check(got.results.length === 1 && got.results[0].flagged === false, got)
		},
		'legacy completions': async () => {
			const got = await client.completions.create({ model: names.chat, prompt: 'hello' })
			check(got.choices[0].text.length > 0, got)
		},
		'models list': async () => {
			const ids = []
			for await (const model of client.models.list()) ids.push(model.id)
			check(ids.includes(names.listed), ids.slice(0, 30))
		},
		'models retrieve': async () => {
			const got = await client.models.retrieve(names.listed)
			check(got.id === names.listed && got.object === 'model', got)
			await fails(client.models.retrieve('no-such-model'), OpenAI.NotFoundError, 404)
		},
		'unknown model': async () => {
			const error = await fails(client.chat.completions.create({ model: names.unknown, messages: hello }),
				OpenAI.NotFoundError, 404)
			check(error.code === 'model_not_found' && error.message.includes('nearest'), error.message)
		},
		'bad request': async () => {
			await fails(client.chat.completions.create({ model: names.chat, messages: hello, max_tokens: -1 }),
				OpenAI.BadRequestError, 400)
		},
		'rate limited': async () => {
			await fails(client.chat.completions.create({ model: names.limited, messages: hello }), OpenAI.RateLimitError, 429)
			await fails(client.chat.completions.create({ model: names.limited, messages: hello, stream: true }),
				OpenAI.RateLimitError, 429)
		},
		'provider down': async () => {
			const error = await fails(client.chat.completions.create({ model: names.broken, messages: hello }),
				OpenAI.InternalServerError)
			check(error.status >= 500, error.status)
		},
		'a cut stream throws': async () => {
			for (let i = 0; i < 5; i++) {
				const seen = []
				let thrown = null
				try {
					const stream = await client.chat.completions.create({ model: names.cut, messages: hello, stream: true })
					for await (const chunk of stream) seen.push(chunk)
				} catch (error) {
					thrown = error
				}
				check(thrown, 'a short answer passed as success', seen.slice(-2))
				check(thrown instanceof OpenAI.APIError, 'not an error event but', String(thrown))
			}
		},
		'a cut stream throws in the helper': async () => {
			await fails(client.chat.completions.stream({ model: names.cut, messages: hello }).finalChatCompletion(),
				OpenAI.OpenAIError)
		},
		'many at once': async () => {
			const got = await Promise.all(Array.from({ length: 60 }, async (_, i) => {
				const messages = [{ role: 'user', content: `number ${i}.` }]
				const answer = i % 2
					? (await collect(await client.chat.completions.create({ model: names.chat, messages, stream: true }))).text
					: (await client.chat.completions.create({ model: names.chat, messages })).choices[0].message.content
				return answer.includes(`number ${i}.`)
			}))
			check(got.every(Boolean), got)
		},
	}
}

const suites = {
	mock: () => ({
		...models({ chat: 'mock/echo', slow: 'mock/lorem', stall: 'mock/stall', embed: 'mock/embed', image: 'mock/image',
			transcribe: 'mock/transcribe', speech: 'mock/speech', moderation: 'mock/moderation', listed: 'mock/echo',
			unknown: 'ecko', limited: 'mock/429', broken: 'mock/500', cut: 'mock/cut' }),
		'tool call': async () => {
			const tools = [{ type: 'function', function: { name: 'weather', parameters: {
				type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } }]
			const got = await client.chat.completions.create({ model: 'mock/tools', messages: hello, tools })
			const call = got.choices[0].message.tool_calls[0]
			check(call.function.name === 'weather' && typeof JSON.parse(call.function.arguments).city === 'string', call)
			const final = await client.chat.completions.stream({ model: 'mock/tools', messages: hello, tools }).finalChatCompletion()
			check(final.choices[0].message.tool_calls[0].function.name === 'weather', final.choices[0])
		},
		'structured output': async () => {
			const schema = { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } },
				required: ['city', 'days'], additionalProperties: false }
			const got = await client.chat.completions.create({ model: 'mock/json', messages: hello,
				response_format: { type: 'json_schema', json_schema: { name: 'plan', schema, strict: true } } })
			const value = JSON.parse(got.choices[0].message.content)
			check(typeof value.city === 'string' && Number.isInteger(value.days) && Object.keys(value).length === 2, value)
		},
	}),
	fake: () => ({
		...models({ chat: 'chat-model', slow: 'slow', stall: 'stall', embed: 'chat-model', image: 'chat-model',
			transcribe: 'chat-model', speech: 'chat-model', moderation: 'chat-model', listed: 'chat-model', unknown: 'chat-modle',
			limited: 'limited', broken: 'broken', cut: 'cut' }),
		'wrong key': async () => {
			const wrong = new OpenAI({ ...options, apiKey: 'sk-wrong' })
			const error = await fails(wrong.chat.completions.create({ model: 'chat-model', messages: hello }),
				OpenAI.AuthenticationError, 401)
			check(error.code === 'invalid_api_key', error.code)
		},
		'x-should-retry is obeyed': async () => {
			const eager = new OpenAI({ ...options, maxRetries: 2 })
			await fails(eager.chat.completions.create({ model: 'count-400', messages: hello }), OpenAI.BadRequestError, 400)
			await fails(eager.chat.completions.create({ model: 'count-401', messages: hello }), OpenAI.APIError, 502)
		},
	}),
}

let failed = 0
for (const [name, test] of Object.entries(suites[mode]())) {
	try {
		await test()
		console.log(`ok ${name}`)
	} catch (error) {
		failed++
		console.log(`FAIL ${name}: ${String(error?.stack ?? error).split('\n').slice(0, 3).join(' | ').slice(0, 700)}`)
	}
}
console.log('done')
process.exit(failed ? 1 : 0)
