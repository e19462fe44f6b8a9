import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import ts from 'typescript'
import { descriptorSchema } from '../lib/describe/descriptor.ts'
import { limitsSchema } from '../lib/limits.ts'
import { optionsSchema } from '../lib/settings.ts'
import { table as partOf } from '../lib/sandbox/child/prelude/parts/table.ts'
import { curl } from './curl.ts'

/** Generous: the machine may be busy with other tests. */
const WITHIN_MS = 30_000

/** In the README's app and in its commands; here the system chooses a port. */
const PORT = '3000'

interface Block { info: string, lines: string[] }
interface Command { command: string, output: string }

const root = join(import.meta.dirname, '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const { blocks, prose } = parse(readme)

/** What the blocks of code are, by the text after their fence; every other kind would be code that nobody runs. */
const kinds = { file: /^ts (?<path>[\w-][\w./-]*\.ts)$/, session: /^console$/, scripts: /^sh$/ }
const files = blocks.flatMap(({ info, lines }) => {
  const path = kinds.file.exec(info)?.groups?.path
  return path === undefined ? [] : [[path, `${lines.join('\n')}\n`] as const]
})
const commands = blocks.filter(({ info }) => kinds.session.test(info)).flatMap(commandsOf)

t.test('every block of code is of a kind that is run here', async t => {
  const known = Object.values(kinds)
  t.strictSame(blocks.map(({ info }) => info).filter(info => !known.some(kind => kind.test(info))), [])
  const paths = files.map(([path]) => path)
  t.strictSame(paths, [...new Set(paths)], 'and every file is shown once')
})

t.test('the commands of its first lines are scripts of the package', async t => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const shell = blocks.filter(({ info }) => kinds.scripts.test(info)).flatMap(({ lines }) => lines)
  t.ok(shell.length > 0, 'the commands were found')
  for (const command of shell.flatMap(line => line.replace(/#.*/, '').split('&&')).map(command => command.trim())) {
    if (command.startsWith('npx fastify-microservices ')) {
      const [, , name = '', ...words] = command.split(' ')
      const { stdout } = await promisify(execFile)(process.execPath, ['dist/lib/cli/main.js', name, '--help'], { cwd: root })
      for (const option of words.filter(word => word.startsWith('--'))) t.match(stdout, option, command)
      continue
    }
    const script = /^npm (?:run )?(?<name>test|(?<=run )[\w:-]+)$/.exec(command)?.groups?.name
    t.ok(command === 'npm ci' || (script !== undefined && script in scripts), command)
  }
})

t.test('its files pass the type checker, as strict as our own', async t => {
  const project = projectOf(t)
  // `paths` would lead to our sources: a user has the declarations of the package.
  const overrides = { paths: {}, rootDir: project }
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (problem: ts.Diagnostic) => t.fail(show(problem)) }
  const config = ts.getParsedCommandLineOfConfigFile(join(root, 'tsconfig.json'), overrides, host)
  const program = ts.createProgram(files.map(([path]) => join(project, path)), config!.options)
  t.strictSame(ts.getPreEmitDiagnostics(program).map(show), [])
})

t.test('its commands print what it says', async t => {
  const project = projectOf(t)
  const port = await start(t, project)
  t.ok(commands.length > 0, 'the commands were found')
  for (const { command, output } of commands) {
    t.equal(await printed(command, project, port), output, command)
  }
})

t.test('its table of options has every option, with its default', async t => {
  const rows = table('name', 'default')
  t.strictSame(rows.flatMap(([names]) => namesIn(names)).toSorted(), [...Object.keys(optionsSchema.properties), 'URL_PARM1'].toSorted())
  for (const [name, schema] of Object.entries(optionsSchema.properties)) {
    // The schema has no default of it: what stands for none is an entry, `.`.
    if (name === 'plugins') continue
    const told = rows.find(([names]) => namesIn(names).includes(name))?.[1]
    t.equal(told?.replace(/^`'?(.*?)'?`$/, '$1'), String(schema.default ?? 'none'), name)
  }
})

t.test('its table of limits has every limit, with its default', async t => {
  const rows = table('limit', 'default')
  t.strictSame(rows.map(([name]) => name), Object.keys(limitsSchema.properties).map(name => `\`${name}\``))
  for (const [name, schema] of Object.entries(limitsSchema.properties)) {
    const told = rows.find(([cell]) => cell === `\`${name}\``)?.[1]
    t.equal(told, `\`${name === 'timeoutSecs' ? 'MAX_FUNCTION_SECS' : schema.default}\``, name)
  }
})

t.test('its table of globals has what isolates have', async t => {
  const ofTheCore = ['console', 'setTimeout', 'setInterval', 'clearTimeout', 'clearInterval', 'queueMicrotask']
  const names = table('global', '').flatMap(([cell]) => namesIn(cell))
  t.strictSame(names.toSorted(), [...Object.keys(partOf), ...ofTheCore].toSorted())
})

t.test('its table of fields has every field of an endpoint', async t => {
  const rows = table('field', 'what it is')
  t.strictSame(rows.flatMap(([names]) => namesIn(names)).toSorted(), Object.keys(descriptorSchema.properties).toSorted())
})

t.test('its links lead to files and headings that are there', async t => {
  const headings = prose.flatMap(line => /^#+ (.*)/.exec(line)?.[1] ?? [])
  const anchors = headings.map(heading => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'))
  // Of `[text](target)`, `[name]: target`, `<img src="target">` and `<a href="target">`.
  const links = prose.join('\n').matchAll(/\]\(\s*<?([^)\s>]+)|^\[[^\]]+\]:\s*<?([^\s>]+)|\b(?:src|href)="([^"]+)"/gm)
  const targets = [...links].map(([, ...found]) => found.find(target => target !== undefined)!)
  const local = targets.filter(target => !/^(?:https?|mailto):/.test(target))
  t.strictSame(local.filter(target => !leadsSomewhere(decodeURI(target), anchors)), [])
})

/** The fenced blocks, and the lines between them. */
function parse (markdown: string): { blocks: Block[], prose: string[] } {
  const blocks: Block[] = []
  const prose: string[] = []
  let open: Block | undefined
  for (const line of markdown.split('\n')) {
    const fence = /^\s*(?:`{3,}|~{3,})(.*)$/.exec(line)
    if (open === undefined && fence !== null) open = { info: fence[1]!.trim(), lines: [] }
    else if (open === undefined) prose.push(line)
    else if (fence === null) open.lines.push(line)
    else {
      blocks.push(open)
      open = undefined
    }
  }
  if (open !== undefined) throw new Error(`README.md: expected an end of the block \`\`\`${open.info}`)
  return { blocks, prose }
}

/** Commands stand after `$ `, what they print below. */
function commandsOf ({ lines }: Block): Command[] {
  const [before, ...parts] = `\n${lines.join('\n')}`.split('\n$ ')
  if (before !== '' || parts.length === 0) throw new Error(`README.md: expected a console block to begin with "$ "; found ${lines[0]}`)
  return parts.map(part => {
    const [command = '', ...output] = part.split('\n')
    return { command, output: output.join('\n') }
  })
}

/** Where a user would have written the files, beside the packages that they installed. */
function projectOf (t: Test): string {
  const project = t.testdir({
    'package.json': JSON.stringify({ type: 'module' }),
    node_modules: {
      'fastify-microservices': t.fixture('symlink', root),
      fastify: t.fixture('symlink', join(root, 'node_modules/fastify')),
      '@sinclair': { typebox: t.fixture('symlink', join(root, 'node_modules/@sinclair/typebox')) }
    }
  })
  for (const [path, text] of files) {
    mkdirSync(join(project, path, '..'), { recursive: true })
    writeFileSync(join(project, path), path === 'app.ts' ? text.replace(`port: ${PORT}`, 'port: 0') : text)
  }
  return project
}

/** Nothing of the developer's own environment: settings may come from it. */
const env = { PATH: process.env.PATH }

/** Starts app.ts; resolves with its port when it listens. */
async function start (t: Test, cwd: string): Promise<string> {
  const app = spawn(process.execPath, ['app.ts'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(app, 'close')
  t.teardown(async () => {
    app.kill('SIGKILL')
    await closed
  })
  let output = ''
  return await new Promise((resolve, reject) => {
    const see = (text: string): void => {
      output += text
      const port = /listening at http:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1]
      if (port !== undefined) resolve(port)
    }
    const fail = (what: string): void => reject(new Error(`app.ts ${what}; it printed:\n${output}`))
    app.stdout.setEncoding('utf8').on('data', see)
    app.stderr.setEncoding('utf8').on('data', see)
    app.once('close', () => fail('ended'))
    setTimeout(() => fail(`did not log that it listens on 127.0.0.1 within ${WITHIN_MS / 1000} s`), WITHIN_MS).unref()
  })
}

/** What a command prints, without the last line's end. */
async function printed (command: string, cwd: string, port: string): Promise<string> {
  const [program, ...words] = command.split(' ')
  if (program === 'node') {
    const { stdout } = await promisify(execFile)(process.execPath, words, { cwd, env, timeout: WITHIN_MS })
    return stdout.replace(/\n$/, '')
  }
  const here = command.replace(`http://127.0.0.1:${PORT}/`, `http://127.0.0.1:${port}/`)
  if (here === command) throw new Error(`README.md: expected node, or curl with a URL of app.ts; found ${command}`)
  return (await curl(here)).text.replace(/\n$/, '')
}

/** The rows of the table whose head begins with these cells. */
function table (...head: string[]): string[][] {
  const first = prose.findIndex(line => head.every((cell, i) => cellsOf(line)[i] === cell))
  if (first === -1) throw new Error(`README.md: expected a table | ${head.join(' | ')} |; found none`)
  const rest = prose.slice(first + 2)
  return rest.slice(0, rest.findIndex(line => !line.startsWith('|'))).map(cellsOf)
}

function cellsOf (line: string): string[] {
  return line.split(/(?<!\\)\|/).slice(1, -1).map(cell => cell.trim())
}

function namesIn (cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
}

function leadsSomewhere (target: string, anchors: string[]): boolean {
  const [path = '', anchor] = target.split('#')
  if (path !== '') return existsSync(join(root, path))
  return anchor !== undefined && anchors.includes(anchor)
}

function show ({ file, start, messageText }: ts.Diagnostic): string {
  const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line + 1
  return `${file?.fileName ?? ''}:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
}
