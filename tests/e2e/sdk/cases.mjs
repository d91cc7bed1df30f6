// What every SDK is asked, whatever its words: run([client...]) takes each client through the
// cases against a provider of each format, and prints `ok name` or `FAIL name: why`.
//
// A client is an SDK in one of its ways: { name, format, ask, is, without }. `ask(turn)` makes one
// request of the plain values of a turn and gives { text, reasoning, calls, finish, usage, kept }:
// what the SDK put together, and `kept`, the answer in the SDK's own form, which the next turn sends
// back. `is` tells the SDK's typed errors; `without` names the cases it has no words for; `bare`: it
// does not ask for the usage of a stream; `known` says of some `provider/case` why it cannot be, yet:
// these print `SKIP`, and fail as soon as they work.
//
// Environment: BASE (where sluice listens), KEY, FEW=1 for a sample of the providers.

export const { BASE, KEY } = process.env
export const FORMATS = ['openai-chat', 'openai-responses', 'anthropic', 'gemini', 'bedrock', 'cohere']
export const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
export const SCHEMA = { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } },
	required: ['city', 'days'], additionalProperties: false }

// A turn's tools, as a list.
export const listed = (tools) => Object.entries(tools ?? {}).map(([name, about]) => ({ name, ...about }))

export function check(condition, ...what) {
	if (!condition) throw new Error('check: ' + what.map((w) => (typeof w === 'string' ? w : JSON.stringify(w))).join(' '))
}

async function fails(promise, is, what) {
	let value
	try {
		value = await promise
	} catch (error) {
		check(is(error), `not ${what} but ${error?.constructor?.name}:`, String(error?.stack ?? error).slice(0, 300),
			Object.fromEntries(Object.entries(error ?? {}).filter(([key]) => /status|code|name/i.test(key))))
		return error
	}
	throw new Error(`check: no error but ${JSON.stringify(value).slice(0, 300)}`)
}

const said = 'héllo "wörld" 🙂 \\ \n end'
const tools = {
	weather: { description: 'The weather in a city.', schema: SCHEMA },
	clock: { description: 'The time in a zone.', schema: { type: 'object', properties: { zone: { type: 'string' } },
		required: ['zone'], additionalProperties: false } },
}
const { weather } = tools

async function text({ ask, bare }, stream) {
	const got = await ask({ model: 'echo', system: 'Be brief.', text: said, stream })
	check(got.text === 'You said: ' + said && got.calls.length === 0, got)
	check((stream && bare) || (got.usage[0] > 0 && got.usage[1] > 0), 'usage', got.usage)
}

async function call({ ask }, stream) {
	const turn = { model: 'tools', text: 'What is the weather?', tools: { weather }, stream }
	const got = await ask(turn)
	const [one] = got.calls
	check(got.calls.length === 1 && one.name === 'weather', got)
	check(typeof one.args.city === 'string' && Number.isInteger(one.args.days), one)
	const next = await ask({ ...turn, past: { kept: got.kept, call: one, result: 'sunny' } })
	check(next.text.includes('sunny') && next.calls.length === 0, next)
}

async function choose({ ask }, stream) {
	for (const name of ['weather', 'clock']) {
		const got = await ask({ model: 'tools', text: 'Now?', tools, choice: name, stream })
		check(got.calls.length === 1 && got.calls[0].name === name, name, got)
		check(Object.keys(got.calls[0].args).sort().join() === Object.keys(tools[name].schema.properties).sort().join(), got.calls)
	}
}

const CASES = {
	text: (client) => text(client, false),
	stream: (client) => text(client, true),
	'tool call': (client) => call(client, false),
	'tool call streamed': (client) => call(client, true),
	'one of two tools': (client) => choose(client, false),
	'one of two tools streamed': (client) => choose(client, true),
	image: async ({ ask }) => {
		const got = await ask({ model: 'echo', text: 'look', image: true })
		check(got.text === 'You said: look', got)
	},
	'structured output': async ({ ask }) => {
		const got = await ask({ model: 'json', text: 'plan', schema: SCHEMA })
		const value = typeof got.parsed === 'object' ? got.parsed : JSON.parse(got.text)
		check(typeof value.city === 'string' && Number.isInteger(value.days) && Object.keys(value).length === 2, got)
	},
	reasoning: async ({ ask }) => {
		const got = await ask({ model: 'think', text: 'why?', think: true })
		check(got.text === 'You said: why?' && got.reasoning === 'I am asked: why?', got)
	},
	'reasoning streamed': async ({ ask }) => {
		const got = await ask({ model: 'think', text: 'why?', think: true, stream: true })
		check(got.text === 'You said: why?' && got.reasoning === 'I am asked: why?', got)
	},
	'rate limited': async ({ ask, is }) => {
		await fails(ask({ model: '429', text: 'hi' }), is.limited, 'a rate limit')
	},
	'unknown model': async ({ ask, is }) => {
		await fails(ask({ provider: 'no-such-provider', model: 'echo', text: 'hi' }), is.unknown, 'an unknown model')
		await fails(ask({ provider: 'no-such-provider', model: 'echo', text: 'hi', stream: true }), is.unknown, 'an unknown model')
	},
	'a cut stream throws': async ({ ask }) => {
		let seen = 0
		const error = await fails(ask({ model: 'cut', text: 'hi', stream: true, seen: () => seen++ }), () => true, '')
		check(seen > 0, 'nothing came before it', String(error))
	},
	'stream aborted': async ({ ask }) => {
		const controller = new AbortController()
		let seen = 0
		const began = Date.now()
		const asked = ask({ model: 'stall', text: 'hi', stream: true, signal: controller.signal,
			seen: () => seen++ || controller.abort() })
		await asked.catch(() => {})
		check(seen > 0 && Date.now() - began < 20000, `${seen} parts in ${Date.now() - began} ms`)
	},
	'unary aborted': async ({ ask }) => {
		const controller = new AbortController()
		setTimeout(() => controller.abort(), 150)
		const began = Date.now()
		await fails(ask({ model: 'stall', text: 'hi', signal: controller.signal }), () => true, '')
		check(Date.now() - began < 20000, `${Date.now() - began} ms`)
	},
}

export const isStatus = (kind, status) => (error) => error instanceof kind && (error.status ?? error.statusCode) === status

async function one(client, provider, name) {
	const label = `${client.name}->${provider}/${name}`
	const known = client.known?.[`${provider}/${name}`] ?? client.known?.[name]
	const ask = (turn) => client.ask({ ...turn, model: client.model?.(turn.provider ?? provider, turn.model)
		?? `${turn.provider ?? provider}/${turn.model}` })
	try {
		await Promise.race([CASES[name]({ ...client, ask }), new Promise((_, late) => setTimeout(() =>
			late(new Error('still running after 60 s')), 60000).unref())])
		console.log(known ? `FAIL ${label}: it works now: take it off the list` : `ok ${label}`)
	} catch (error) {
		if (known) console.log(`SKIP ${label}: ${known}`)
		else console.log(`FAIL ${label}: ${String(error?.stack ?? error).split('\n').slice(0, 3).join(' | ').slice(0, 1500)}`)
	}
}

export async function run(clients) {
	const began = Date.now()
	const wanted = process.argv.slice(2)            // parts of names, for a person at work
	for (const client of clients) {
		const formats = process.env.FEW ? FORMATS.filter((each) => each === client.format || each === 'openai-chat') : FORMATS
		await Promise.all(formats.map(async (provider) => {
			for (const name of Object.keys(CASES)) {
				if (client.without?.includes(name)) continue
				if (wanted.every((part) => `${client.name}->${provider}/${name}`.includes(part))) await one(client, provider, name)
			}
		}))
		await client.more?.()
	}
	console.error(`# ${Date.now() - began} ms`)
	console.log('done')
	process.exit(0)
}
