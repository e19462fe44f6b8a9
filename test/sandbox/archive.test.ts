import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { Wall } from '../../lib/sandbox/layers.ts'
import { Unpacker } from '../../lib/sandbox/workshop/unpacker.ts'
import { ARCHIVE_BYTES_MAX, canonical, FilesError } from '../../lib/source/files.ts'
import { ModuleError } from '../../lib/source/problem.ts'
import { bomb, END, entry, longName, pax, tgz } from '../archives.ts'
import { watchThread } from '../thread.ts'

const MB = 1024 * 1024
const block = Buffer.alloc(512)
const index = entry({ name: 'index.ts', body: 'export {}\n' })
const good = tgz(entry({ name: 'm/', type: '5' }), entry({ name: 'm/index.ts', body: 'export {}\n' }), entry({ name: 'm/lib/a.ts', body: 'a'.repeat(1_000) }))

const unpacker = new Unpacker(() => Wall.detect({ weakened: true, production: false }))
t.teardown(() => unpacker.close())

/** As uploads are taken. */
async function take (bytes: Uint8Array, owner = 'owner'): Promise<Record<string, string>> {
  const { files } = canonical(await unpacker.unpack({ owner, bytes }))
  return Object.fromEntries(files.map(({ path, contents }) => [path, Buffer.from(contents).toString()]))
}

/** What is said of an archive; the next one is taken all the same. */
async function refusal (t: Test, bytes: Uint8Array): Promise<string> {
  const outcome: unknown = await take(bytes).catch((error: unknown) => error)
  if (!(outcome instanceof FilesError)) throw new Error('expected the archive to be refused', { cause: outcome })
  t.strictSame(Object.keys(await take(good)), ['index.ts', 'lib/a.ts'], 'a good archive is taken right after')
  return outcome.message
}

/** The app while it waits: it is not held for long, and needs not much more memory. */
async function calm<T> (t: Test, work: () => Promise<T>): Promise<T> {
  const before = process.memoryUsage().rss
  const stop = watchThread()
  const outcome = await work()
  const held = stop()
  t.ok(held < 200, `it was held for ${Math.round(held)} ms at most`)
  t.ok(process.memoryUsage().rss - before < 200 * MB, 'nor did its memory grow by what comes out of the archive')
  return outcome
}

t.test('files come out as they were packed, by tar itself', async t => {
  const long = `${'long-folder-name/'.repeat(8)}${'f'.repeat(90)}.ts`
  const directory = t.testdir({ m: { 'index.ts': 'export {}\n', empty: {}, 'é.json': '{}', '.env': 'SECRET=1', 'large.ts': 'x'.repeat(300_000), 'none.ts': '', 'long-folder-name': {} } })
  execFileSync('/bin/sh', ['-c', 'mkdir -p "$(dirname "$1")" && printf long > "$1"', 'sh', join(directory, 'm', long)])
  for (const format of ['gnu', 'pax', 'ustar']) {
    const bytes = execFileSync('tar', ['-cz', `--format=${format}`, '-C', directory, 'm'], { maxBuffer: MB })
    const files = await unpacker.unpack({ owner: 'owner', bytes })
    const { ignored } = canonical(files)
    t.strictSame(ignored, ['m/.env'], format)
    t.notOk(files.some(({ contents }) => Buffer.from(contents).includes('SECRET')), 'what is hidden is not even read')
    t.strictSame(await take(bytes), { 'index.ts': 'export {}\n', 'large.ts': 'x'.repeat(300_000), [long]: 'long', 'none.ts': '', 'é.json': '{}' })
  }
  t.strictSame(await take(execFileSync('tar', ['-cz', '-C', join(directory, 'm'), './index.ts'])), { 'index.ts': 'export {}\n' })
})

t.test('path traversal is refused, wherever the path stands', async t => {
  const plain = (name: string): Buffer => entry({ name, body: 'x' })
  for (const [path, found] of [['../../evil.ts', '".."'], ['lib/../../evil.ts', '".."'], ['/etc/cron.d/evil', 'an absolute one'], ['C:\\evil.ts', 'a backslash'], ['lib//evil.ts', '""']] as const) {
    const ways: Record<string, Buffer> = {
      header: plain(path),
      PAX: Buffer.concat([pax({ path }), plain('harmless.ts')]),
      'PAX for all': Buffer.concat([pax({ path }, 'g'), plain('harmless.ts')]),
      GNU: Buffer.concat([longName(path), plain('harmless.ts')])
    }
    for (const [way, bytes] of Object.entries(ways)) {
      t.match(await refusal(t, tgz(index, bytes)), `${path}: expected a path inside the module's folder; found ${found}`, `${path}, ${way}`)
    }
  }
  t.match(await refusal(t, tgz(index, entry({ name: 'evil.ts', prefix: '../..' }))), /^\.\.\/\.\.\/evil\.ts: .* found "\.\."/, 'in the prefix')
  t.match(await refusal(t, tgz(index, entry({ name: 'evil.ts', prefix: '/etc' }))), /found an absolute one/)
  t.match(await refusal(t, tgz(index, pax({ path: 'a\0../evil.ts' }), plain('b.ts'))), /^a\\u\{0\}.* invisible characters/)
  t.match(await refusal(t, tgz(index, entry({ name: Buffer.from([0x61, 0xff, 0x2e, 0x74, 0x73]) }))), /not UTF-8/)
  t.match(await refusal(t, tgz(index, plain('a\u001b[2Jb.ts'))), /^a\\u\{1b\}/, 'and nothing that a terminal obeys is quoted')
  t.strictSame(await take(tgz(index, entry({ name: '../../evil/', type: '5' }), entry({ name: '/evil/', type: '5' }))), { 'index.ts': 'export {}\n' }, 'folders are made for files only')
})

t.test('whatever is no file is refused by name', async t => {
  const kinds: Record<string, string> = { 1: 'a hard link', 2: 'a symbolic link', 3: 'a device', 4: 'a device', 6: 'a FIFO (named pipe)' }
  for (const [type, kind] of Object.entries(kinds)) {
    for (const link of ['/etc/passwd', '../outside', 'index.ts']) {
      t.match(await refusal(t, tgz(index, entry({ name: 'lib/odd.ts', type, link }))), `lib/odd.ts: expected only files and folders in an archive; found ${kind}`)
    }
  }
  // Its size would hide what follows from one who counts it, or show it to one who does not.
  t.match(await refusal(t, tgz(index, entry({ name: 'odd.ts', type: '2', link: 'x', size: '00000001000\0' }))), /^odd\.ts: .* a symbolic link/)
  t.match(await refusal(t, tgz(index, pax({ linkpath: '/etc/passwd' }), entry({ name: 'odd.ts', type: '2' }))), /^odd\.ts: .* a symbolic link/)
  // Contiguous, sparse, multi-volume, dump, label, access list, and what nobody knows.
  for (const type of ['7', 'S', 'M', 'D', 'V', 'A', 'N', 'X', 'Z', '9', '\u0001']) {
    const message = await refusal(t, tgz(index, entry({ name: 'lib/odd.ts', type, body: 'x' })))
    t.match(message, 'lib/odd.ts: expected only files and folders in an archive; found an entry of type')
  }
  const directory = t.testdir({ m: { 'index.ts': '' } })
  symlinkSync('/etc/passwd', join(directory, 'm', 'passwd.json'))
  execFileSync('mkfifo', [join(directory, 'pipe')])
  execFileSync('truncate', ['-s', '1M', join(directory, 'sparse')])
  t.match(await refusal(t, execFileSync('tar', ['-cz', '-C', directory, 'm'])), /^m\/passwd\.json: .* a symbolic link/, 'as tar makes them')
  t.match(await refusal(t, execFileSync('tar', ['-cz', '-C', directory, 'pipe'])), /^pipe: .* a FIFO/)
  t.match(await refusal(t, execFileSync('tar', ['-czS', '--format=gnu', '-C', directory, 'sparse'])), /^sparse: .* type "S"/)
  t.match(await refusal(t, execFileSync('tar', ['-czS', '--format=pax', '-C', directory, 'sparse'])), /a record "GNU\.sparse\./)
})

t.test('two entries of one name, for any file system, are refused', async t => {
  const twice = async (one: string, other: string): Promise<string> => await refusal(t, tgz(index, entry({ name: one, body: '1' }), entry({ name: other, body: '2' })))
  t.match(await twice('a.ts', 'a.ts'), /^a\.ts: expected each file once/)
  t.match(await twice('a.ts', './a.ts'), /^a\.ts: expected each file once/)
  t.match(await refusal(t, tgz(index, pax({ path: 'index.ts' }), entry({ name: 'b.ts' }))), /^index\.ts: expected each file once/)
  t.match(await twice('lib/a.ts', 'lib/A.ts'), /differ in more than case/)
  t.match(await twice('lib/a.ts', 'LIB/b.ts'), /differ in more than case/)
  t.match(await twice('\u00e9.ts', 'e\u0301.ts'), /form NFC/)
  t.match(await twice('straße.ts', 'STRASSE.ts'), /differ in more than case/)
  t.match(await twice('lib', 'lib/a.ts'), /^lib: expected a file or a folder/)
})

t.test('a bomb ends the reading where it is too large', async t => {
  const size = `${(1024 * MB).toString(8)}\0`
  const bombs: Record<string, [bytes: Buffer, message: RegExp]> = {
    'one file': [await bomb(block, 1024, entry({ name: 'index.ts', size: `0${size}`.slice(-12) })), /^index\.ts: expected at most 10485760 bytes in all files/],
    'hidden, so that it is skipped': [await bomb(block, 200, index, entry({ name: '.bomb', size: `0${size}`.slice(-12) })), /^expected an archive of at most 33554432 bytes, unpacked/],
    'behind the end': [await bomb(block, 200, index), /^expected an archive of at most 33554432 bytes, unpacked/],
    'files that are too large together': [tgz(...Array.from({ length: 21 }, (_, i) => entry({ name: `f${i}.ts`, body: Buffer.alloc(MB / 2) }))), /^f20\.ts: expected at most 10485760 bytes in all files/],
    'files, by the number': [await bomb(entry({ name: 'a.ts' }), 50), /^a\.ts: expected at most 2000 files/],
    'a million folders': [await bomb(entry({ name: 'a/', type: '5' }), 500), /^expected at most 20000 entries/],
    'hidden files, by the number': [await bomb(entry({ name: '.a' }), 50), /^expected at most 20000 entries/],
    'PAX headers, by the number': [await bomb(pax({ path: 'a' }), 50), /^expected at most 20000 entries/]
  }
  for (const [name, [bytes, message]] of Object.entries(bombs)) {
    t.ok(bytes.length < ARCHIVE_BYTES_MAX, `${name}: ${bytes.length} bytes, which may be uploaded`)
    t.match(await calm(t, () => refusal(t, bytes)), message, name)
  }
  t.match(await refusal(t, Buffer.alloc(ARCHIVE_BYTES_MAX + 1)), /^expected an archive of at most 8388608 bytes; found 8388609/)
})

t.test('what is damaged is refused', async t => {
  const whole = Buffer.concat([index, entry({ name: 'a.ts', body: 'x'.repeat(2_000) }), END])
  const zipped = gzipSync(whole)
  const broken: Record<string, Buffer> = {
    nothing: Buffer.alloc(0),
    'no gzip': Buffer.from('export default 1\n'),
    'a gzip header alone': zipped.subarray(0, 10),
    'gzip, cut off': zipped.subarray(0, zipped.length - 20),
    'gzip, without its checksum': zipped.subarray(0, -8),
    'gzip, with a wrong checksum': Buffer.concat([zipped.subarray(0, -8), Buffer.alloc(8, 1)]),
    'gzip, followed by garbage': Buffer.concat([zipped, Buffer.from('garbage')]),
    'gzip, followed by zeros': Buffer.concat([zipped, Buffer.alloc(100)]),
    'gzip, twice': Buffer.concat([zipped, zipped]),
    'tar, cut off in a header': gzipSync(whole.subarray(0, 1024 + 100)),
    'tar, cut off in a file': gzipSync(whole.subarray(0, 2048 + 100)),
    'tar, without an end': gzipSync(whole.subarray(0, -1024)),
    'tar, with half an end': gzipSync(whole.subarray(0, -512)),
    'tar, followed by garbage': gzipSync(Buffer.concat([whole, Buffer.from('garbage')])),
    'tar, followed by another': gzipSync(Buffer.concat([whole, whole])),
    'no tar': gzipSync(Buffer.alloc(5_000, 'a')),
    'a wrong checksum': tgz(entry({ name: 'index.ts', checksum: 1 })),
    'a size that is too large': tgz(entry({ name: 'index.ts', body: 'x', size: '00000100000\0' })),
    'a size that is too small': tgz(entry({ name: 'index.ts', body: 'x'.repeat(600), size: '00000000001\0' }))
  }
  for (const [name, bytes] of Object.entries(broken)) t.match(await refusal(t, bytes), /: expected .*found|^expected a \.tgz archive: .* found one that is damaged: ./, name)
})

t.test('sizes that are no sizes are refused', async t => {
  const sizes: Record<string, string | Buffer> = {
    negative: '-0000000001\0',
    'negative, base 256': Buffer.alloc(12, 0xff),
    'huge, base 256': Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
    'beyond all numbers, base 256': Buffer.from([0x80, ...Buffer.alloc(11, 0xff)]),
    decimal: '00000000999\0',
    hexadecimal: '0x000000010\0',
    text: 'NaN\0\0\0\0\0\0\0\0\0'
  }
  for (const [name, size] of Object.entries(sizes)) t.match(await refusal(t, tgz(entry({ name: 'index.ts', size }))), /^index\.ts: expected a size in octal digits/, name)
  t.match(await refusal(t, tgz(entry({ name: 'index.ts', size: '777777777777' }))), /^index\.ts: expected at most 10485760 bytes/, 'huge')
  for (const size of ['0', '-1', '99999999999999999999', '1e9', '10']) {
    for (const type of ['x', 'g'] as const) {
      t.match(await refusal(t, tgz(pax({ comment: 'x', size }, type), entry({ name: 'index.ts', body: 'x'.repeat(10) }))), /a record "size" about it/, `PAX ${type}: ${size}`)
    }
  }
  t.match(await refusal(t, tgz(pax({ '\ufeffsize': '512' }), entry({ name: 'index.ts', body: 'x'.repeat(10) }))), /by the rules of PAX/, 'PAX, behind a byte order mark')
})

t.test('headers that are bombs', async t => {
  const many = Object.fromEntries(Array.from({ length: 1_500 }, (_, i) => [`k${i}`, '']))
  t.strictSame(await take(tgz(pax(many), index)), { 'index.ts': 'export {}\n' }, 'what means nothing is taken for nothing')
  t.match(await refusal(t, tgz(pax({ comment: 'x'.repeat(16 * 1024) }), index)), /expected attributes of at most 16384 bytes/)
  t.match(await refusal(t, tgz(pax({ comment: 'x'.repeat(8 * MB) }, 'g'), index)), /expected attributes of at most 16384 bytes/)
  t.match(await refusal(t, tgz(longName('x'.repeat(MB)), index)), /expected attributes of at most 16384 bytes/)
  t.match(await refusal(t, tgz(entry({ name: 'x', type: 'K', body: 'x'.repeat(MB) }), index)), /expected attributes of at most 16384 bytes/)
  t.match(await refusal(t, tgz(entry({ name: 'x', type: 'x', size: Buffer.alloc(12, 0xff) }), index)), /expected a size in octal digits/)
  t.match(await refusal(t, tgz(pax({ path: 'x'.repeat(1_000) }), index)), /^x+: expected a path of less than 500 characters; found 1000/)
  t.match(await refusal(t, tgz(index, pax({ path: `lib/${'x'.repeat(200)}.ts` }), entry({ name: 'a.ts' }))), /expected names of at most 100 characters; found one of 203/)
  t.match(await refusal(t, tgz(index, pax({ path: `${'a/'.repeat(100)}b.ts` }), entry({ name: 'a.ts' }))), /expected folders at most 32 deep; found 101/, 'deep nesting')
  t.match(await refusal(t, tgz(index, pax({ path: '' }), entry({ name: 'a.ts' }))), /found ""/)
  t.match(await take(tgz(pax({ ['__proto__']: '1', constructor: '2', toString: '3', path: 'b.ts' }), index, index)), { 'index.ts': 'export {}\n', 'b.ts': 'export {}\n' })
  const records: Record<string, string> = {
    // For its parser, each digit begins a record that takes reading to the end.
    'that overlap': `${'\n1'.repeat(8_000)} `,
    'longer than all': '99 path=a\n',
    'shorter than it is': '5 path=a\n',
    'of no length': '0 path=a\n',
    'of a negative length': '-10 path=a\n',
    'of a huge length': `${'9'.repeat(300)} a=b\n`,
    'without a length': 'path=a\n',
    'without a name': '6 =ab\n',
    'without a value': '7 path\n',
    'without an end': '9 path=a'
  }
  for (const [name, body] of Object.entries(records)) t.match(await refusal(t, tgz(entry({ name: 'x', type: 'x', body }), index)), /^x: expected attributes by the rules of PAX/, `records ${name}`)
})

t.test('what is in order may still be no module', async t => {
  t.match(await refusal(t, tgz()), /expected an index file .* found no file/, 'empty')
  t.match(await refusal(t, tgz(entry({ name: 'm/', type: '5' }))), /found no file/)
  t.match(await refusal(t, tgz(index, entry({ name: 'build/addon.node', body: '\x7fELF' }))), /^build\/addon\.node: expected sources; found a native addon/)
  t.match(await refusal(t, tgz(entry({ name: 'a/index.ts' }), entry({ name: 'b/index.ts' }))), /expected an index file .* found a\/index\.ts, b\/index\.ts/)
  t.strictSame(await take(tgz(index, entry({ name: 'inner.tgz', body: 'x' }))), { 'index.ts': 'export {}\n', 'inner.tgz': 'x' }, 'archives in it are files')
})

t.test('many at once, good and bad, of several owners', async t => {
  const bad = [await bomb(block, 100, index), tgz(entry({ name: '../x' })), tgz(entry({ name: 'x', type: '2' })), Buffer.from('x')]
  const outcomes = await calm(t, () => Promise.allSettled(Array.from({ length: 32 }, (_, i) => take(i % 2 === 0 ? good : bad[i % 8 >> 1] as Buffer, `owner${i % 3}`))))
  t.strictSame(outcomes.map(({ status }) => status), outcomes.map((_, i) => i % 2 === 0 ? 'fulfilled' : 'rejected'))
})

t.test('a process that is killed harms only what it had', { skip: process.platform === 'linux' ? false : 'Linux only' }, async t => {
  await take(good, 'victim')
  const pids = unpackers()
  t.ok(pids.length > 0)
  const taking = take(good, 'victim')
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  t.strictSame(Object.keys(await taking), ['index.ts', 'lib/a.ts'], 'whoever was to blame, another process gets another try')
  t.strictSame(Object.keys(await take(good, 'victim')), ['index.ts', 'lib/a.ts'])
})

t.test('what an unpacker says is not believed: an archive may have taken it over', async t => {
  const wall = await Wall.detect({ weakened: true, production: false })
  const entry = join(import.meta.dirname, 'fake-unpacker.ts')
  const start: Wall['start'] = program => wall.start({ ...program, entry, readable: [...program.readable, entry] })
  const fake = new Unpacker(() => Promise.resolve({ start, close: () => wall.close() } as Wall))
  t.teardown(() => fake.close())
  const answer = async (bytes: string, owner = 'owner'): Promise<unknown> => {
    return await fake.unpack({ owner, bytes: Buffer.from(bytes) }).then(files => canonical(files).files.length, (error: unknown) => error).catch((error: unknown) => error)
  }
  const ended = /^expected an archive that can be unpacked; found one that ended the process that does it: ./
  const expected: Record<string, RegExp> = {
    evil: /^\.\.\/\.\.\/evil\.ts: expected a path inside/,
    'a reason for terminals': /^\\u\{1b\}\[2Jy: \[2Jx$/,
    'its own fault': /^no memory$/
  }
  for (const said of [
    'evil', 'too few bytes', 'too many bytes', 'a negative length', 'a huge length', 'no list', 'no JSON', 'a length of JSON beyond the payload', 'nothing', 'no reason',
    'a reason that is no JSON', 'a reason for terminals', 'its own fault', 'another task', 'a module', 'a question', 'a beginning', 'an unknown frame', 'a frame that is too large',
    'garbage', 'its end', 'all memory'
  ]) {
    const outcome = await calm(t, () => answer(said)) as Error
    t.match(outcome.message, expected[said] ?? ended, said)
    t.ok(outcome instanceof (said === 'its own fault' ? ModuleError : FilesError))
    t.equal(await answer('good'), 1, 'a good answer is taken right after')
  }
  // Another owner's process is another one: whoever took over one has that owner's archives only.
  const [stuck, free] = await Promise.all([answer('an endless loop', 'one'), answer('good', 'other')])
  t.match((stuck as Error).message, /it takes too long to unpack: it was killed after 10 s/)
  t.equal(free, 1)
})

t.test('where no process can be started, that is not the archive\'s fault', async t => {
  const without = new Unpacker(() => Promise.reject(new Error('no such thing')))
  const outcome: unknown = await without.unpack({ owner: 'owner', bytes: good }).catch((error: unknown) => error)
  t.ok(outcome instanceof ModuleError)
  t.match(outcome, { problem: { code: 'FMS_ERR_UNAVAILABLE', message: /cannot be started: no such thing/ } })
  await without.close()
  t.match(await without.unpack({ owner: 'owner', bytes: good }).catch((error: unknown) => error), { message: 'it is closed' })
})

t.test('nothing is left behind', { skip: process.platform === 'linux' ? false : 'Linux only' }, async t => {
  const one = new Unpacker(() => Wall.detect({ weakened: true, production: false }))
  const others = unpackers()
  await one.unpack({ owner: 'owner', bytes: good })
  t.ok(unpackers().length > others.length)
  const closing = one.unpack({ owner: 'owner', bytes: await bomb(block, 30, index) }).catch((error: unknown) => error)
  await one.close()
  t.ok(await closing instanceof Error)
  while (unpackers().length > others.length) await new Promise(resolve => setImmediate(resolve))
})

/** Pids of processes below this one that unpack. */
function unpackers (): number[] {
  const isOurs = (pid: number): boolean => pid === process.pid || (pid > 1 && isOurs(Number(/^PPid:\s*(\d+)$/m.exec(read(pid, 'status'))?.[1] ?? 0)))
  return readdirSync('/proc').map(Number).filter(pid => pid > 0 && /node\0.*\/builder\/unpacker\.[jt]s\0/.test(read(pid, 'cmdline')) && isOurs(pid))
}

function read (pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}
