import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import t from 'tap'
import { commands } from '../../lib/cli/commands.ts'
import { program, run } from './program.ts'

const secret = 'q7nZ0kq2bq3dXc1YwP9uFhJ4sT6vR8eKaLmNoQpR5tU'

t.test('--help lists all commands, and each tells all that it takes', async t => {
  const { code, stdout, stderr } = await run(t, ['--help'])
  t.strictSame([code, stderr], [0, ''])
  await Promise.all(Object.entries(commands).map(async ([name, { summary, load }]) => {
    t.match(stdout, new RegExp(`^  ${name} +${summary}$`, 'm'))
    const help = await run(t, [name, '--help'])
    const { usage, options } = await load()
    t.strictSame(help, { code: 0, stdout: `${usage}\n`, stderr: '' }, name)
    t.match(usage, new RegExp(`^fastify-microservices ${name}`))
    t.strictSame(Object.keys(options).filter(option => !usage.includes(`--${option}`) && !usage.includes(`--no-${option}`)), [], `${name}: every option is in its help`)
    t.ok(usage.split('\n').every(line => line.length <= 120), `${name}: no line is too long for a terminal`)
  }))
  t.match(await run(t, ['-h']), { code: 0, stdout })
})

t.test('--json gives the same as JSON', async t => {
  const { code, stdout } = await run(t, ['deploy', '--help', '--json'])
  t.equal(code, 0)
  t.match(JSON.parse(stdout), { usage: /^fastify-microservices deploy/ })
})

t.test('--version tells the version', async t => {
  t.match(await run(t, ['--version']), { code: 0, stdout: /^\d+\.\d+\.\d+\n$/, stderr: '' })
})

t.test('what is no command, no option or no argument of a command is told, with exit code 2', async t => {
  const wrong: Array<[args: string[], message: RegExp]> = [
    [[], /^Expected a command\.\n\nfastify-microservices <command>/],
    [['deplyo'], /^Expected a command; found "deplyo"/],
    [['constructor'], /^Expected a command; found "constructor"/],
    [['deploy'], /^expected one file or folder; see: fastify-microservices deploy --help\n$/],
    [['deploy', 'a', 'b'], /^expected one file or folder/],
    [['deploy', '--fast', 'a'], /^unknown option '--fast'; see: fastify-microservices deploy --help\n$/],
    [['deploy', '--name'], /^option '--name <value>' argument missing; see/],
    [['init', 'a', 'b'], /^expected one directory; found several; see/],
    [['token', 'GET'], /^expected a method and a URL; see/],
    [['token', 'GET', 'http://a.example', '--body-file', 'x'], /^--body-file: expected --manage beside it/],
    [['start', '--no-watch', '--poll'], /^expected --poll or --no-watch; found both/],
    [['versions', '--remove', 'all'], /^--remove: expected the module beside it/],
    [['rollback'], /^expected one module/],
    [['tenants', 'show'], /^expected one of list, register, .*; found "show"/],
    [['tenants', 'register'], /^register: expected a userid/],
    [['tenants', 'list', 'all'], /^list: expected nothing more/],
    [['logs', '--limit', 'many'], /^--limit: expected a number from 1 to 1000; found "many"/]
  ]
  await Promise.all(wrong.map(async ([args, message]) => t.match(await run(t, args), { code: 2, stdout: '', stderr: message }, args.join(' '))))
})

t.test('failures are JSON too, where that was asked for', async t => {
  const { code, stdout, stderr } = await run(t, ['deploy', '--json'])
  t.strictSame([code, stdout], [2, ''])
  t.match(JSON.parse(stderr), { exitCode: 2, message: /expected one file or folder/ })
})

t.test('a key in the command line is refused with advice, and not repeated', async t => {
  await Promise.all([
    ['deploy', 'x', '--key', secret], ['deploy', 'x', `--key=${secret}`], ['deploy', 'x', '--secret', 'short'], [secret],
    ['tenants', `70dd81e5-961a-470e-9e88-63d828674757.first ${secret}`], ['token', 'GET', 'http://a.example', `--key-file=${secret}`]
  ].map(async args => {
    const { code, stdout, stderr } = await run(t, args)
    t.strictSame([code, stdout], [2, ''])
    t.match(stderr, /^A key in a command line is refused.*--key-file.*MICROSERVICES_KEY/s)
    t.notMatch(stderr, secret)
  }))
})

t.test('what looks like a key, and is none, passes', async t => {
  for (const name of ['a'.repeat(43), '0123456789abcdef'.repeat(4), `./${'Ab1'.repeat(14)}A`]) {
    t.match(await run(t, ['deploy', name]), { code: 2, stderr: /there is none/ })
  }
})

t.test('an answer that cannot be written is a failure; one of which enough was read is not', { skip: !existsSync('/dev/full') && 'there is no /dev/full' }, async t => {
  const shell = (text: string) => spawnSync('sh', ['-c', text, process.execPath, program], { encoding: 'utf8' })
  t.match(shell('"$0" "$1" --help > /dev/full'), { status: 1, stderr: 'What was to be told could not be written (ENOSPC).\n' })
  t.match(shell('"$0" "$1" --help | true; "$0" "$1" --help | head -n 1'), { status: 0, stdout: /^fastify-microservices .*\n$/, stderr: '' })
})
