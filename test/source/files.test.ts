import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { canonical, FILES_BYTES_MAX, FILES_MAX, FilesError, packFiles, singleFile, unpackFiles, versionOf, type SourceFile } from '../../lib/source/files.ts'

function file (path: string, contents: string | Buffer = `// ${path}\n`): SourceFile {
  return { path, contents: Buffer.from(contents as string) }
}

function pathsOf (files: readonly SourceFile[]): string[] {
  return files.map(({ path }) => path)
}

function version (files: readonly SourceFile[]): string {
  return versionOf(canonical(files).files)
}

/** What is wrong with files of these paths, beside an index file. */
function refusalOf (...paths: string[]): FilesError {
  return failureOf([file('index.ts'), ...paths.map(path => file(path))])
}

function failureOf (files: readonly SourceFile[]): FilesError {
  try {
    canonical(files)
  } catch (error) {
    if (error instanceof FilesError) return error
    throw error
  }
  throw new Error('expected the files to be refused')
}

t.test('a canonical list is sorted by bytes, with one folder around it taken off', async t => {
  const found = canonical([file('./mine/lib/b.ts'), file('mine/lib/a.ts'), file('./mine/index.ts'), file('mine/lib-b.ts'), file('mine/Z.ts')])
  t.strictSame(pathsOf(found.files), ['Z.ts', 'index.ts', 'lib-b.ts', 'lib/a.ts', 'lib/b.ts'])
  t.equal(Buffer.from(found.files[1]!.contents).toString(), '// ./mine/index.ts\n')
  // By code units, the second would come first.
  t.strictSame(pathsOf(canonical([file('\u{1f600}.ts'), file('\uff5e.ts'), file('index.js')]).files), ['index.js', '\uff5e.ts', '\u{1f600}.ts'])
  t.strictSame(pathsOf(canonical(found.files).files), pathsOf(found.files), 'and stays as it is')
})

t.test('only one folder is taken off, and only where nothing lies beside it', async t => {
  t.strictSame(pathsOf(canonical([file('index.ts'), file('lib/index.ts')]).files), ['index.ts', 'lib/index.ts'])
  t.match(failureOf([file('a/b/index.ts')]).message, /index file .* found b\/index\.ts/)
  t.match(failureOf([file('a/index.ts'), file('README.md')]).message, /index file/)
})

t.test('hidden files are left out, and told', async t => {
  const { files, ignored } = canonical([file('m/index.ts'), file('.DS_Store'), file('m/.env', 'SECRET=1'), file('m/.git/HEAD'), file('._m/x.ts')])
  t.strictSame(pathsOf(files), ['index.ts'])
  t.strictSame(ignored, ['.DS_Store', 'm/.env', 'm/.git/HEAD', '._m/x.ts'])
})

t.test('each kind of index file will do', async t => {
  for (const name of ['index.ts', 'index.mts', 'index.js', 'index.mjs']) t.strictSame(pathsOf(canonical([file(name)]).files), [name])
  for (const name of ['index.cjs', 'index.json', 'Index.ts', 'indexxts']) t.match(failureOf([file(name)]).message, /expected an index file/)
  t.match(failureOf([]).message, /expected an index file .* found no file$/)
  t.match(failureOf([file('.index.ts')]).message, /found no file$/)
})

t.test('the version is what sha256sum and sort say', async t => {
  const directory = t.testdir({})
  const files = [file('index.ts', ''), file('lib/greet.ts', 'hi\n'), file('lib-a.ts'), file('B.ts'), file('été/ß.json', Buffer.from([0, 255, 10]))]
  for (const { path, contents } of files) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), contents)
  }
  const script = 'find . -type f | sed "s|^\\./||" | LC_ALL=C sort | tr "\\n" "\\0" | xargs -0 sha256sum | sha256sum'
  const printed = execFileSync('/bin/sh', ['-c', script], { cwd: directory, encoding: 'utf8' })
  t.equal(version(files), printed.slice(0, 64))
})

t.test('the version does not depend on how the files were packed', async t => {
  const files = [file('index.ts', '1'), file('lib/a.ts', '2'), file('b.ts', '3')]
  const one = version(files)
  t.match(one, /^[0-9a-f]{64}$/)
  t.equal(version([...files].reverse()), one)
  t.equal(version(files.map(({ path, contents }) => ({ path: `package/${path}`, contents }))), one)
  t.equal(version([...files, file('.hidden')]), one)
  t.not(version([file('index.ts', '1'), file('lib/a.ts', '3'), file('b.ts', '2')]), one)
  t.not(version([file('index.ts', '1'), file('lib/c.ts', '2'), file('b.ts', '3')]), one)
})

t.test('a folder of one file is that file', async t => {
  t.equal(versionOf(singleFile(Buffer.from('x'), false)), version([file('folder/index.ts', 'x')]))
  t.equal(versionOf(singleFile(Buffer.from('x'), true)), version([file('index.js', 'x')]))
})

t.test('a path that leads anywhere else is refused, hidden or not', async t => {
  const refused: ReadonlyArray<[path: string, found: RegExp]> = [
    ['/etc/passwd', /^\/etc\/passwd: .*found an absolute one/], ['//x', /absolute/], ['.//etc/passwd', /absolute/],
    ['../x.ts', /^\.\.\/x\.ts: .*found "\.\."/], ['lib/../../x.ts', /found "\.\."/], ['lib/..', /found "\.\."/], ['..', /found "\.\."/], ['.git/../../x', /found "\.\."/],
    ['lib/./x.ts', /found "\."/], ['lib//x.ts', /found ""/], ['lib/', /found ""/], ['', /found ""/], ['./', /found ""/],
    ['lib\\x.ts', /found a backslash/], ['..\\x.ts', /backslash/],
    ['a\u0000.ts', /^a\\u\{0\}\.ts: .*invisible/], ['a\nb.ts', /invisible/], ['a\u007f.ts', /invisible/], ['a\u0085.ts', /invisible/],
    ['a\u202ets.exe', /^a\\u\{202e\}ts\.exe: .*invisible/], ['a\u200b.ts', /invisible/], ['\ufeffindex.ts', /invisible/], ['a\u2028.ts', /invisible/],
    ['a\ufffd.ts', /not UTF-8/], ['a\ud800.ts', /invisible/]
  ]
  // Some of them would break the test's own report.
  for (const [path, found] of refused) t.match(refusalOf(path).message, found, path.replace(/[^ -~]/g, character => `<${character.charCodeAt(0).toString(16)}>`))
  t.equal(refusalOf('../x.ts').file, '../x.ts')
  t.equal(refusalOf('a\u001b[2J.ts').file, 'a\\u{1b}[2J.ts')
  t.ok(refusalOf('../'.repeat(10_000)).message.length < 1_000, 'a long name is cut')
})

t.test('names that some file system takes for one are refused', async t => {
  t.match(refusalOf('lib/a.ts', 'lib/a.ts').message, /^lib\/a\.ts: expected each file once/)
  t.match(refusalOf('./index.ts').message, /^index\.ts: expected each file once/)
  t.match(refusalOf('lib/a.ts', 'lib/A.ts').message, /^lib\/A\.ts: expected names that differ in more than case; found lib\/a\.ts/)
  t.match(refusalOf('lib/a.ts', 'Lib/b.ts').message, /^Lib: expected names that differ in more than case; found lib/)
  t.match(refusalOf('Index.ts').message, /in more than case/)
  for (const [one, other] of [['straße', 'STRASSE'], ['\u017fet', 'set'], ['\u212aelvin', 'kelvin'], ['É', 'é'], ['Ω', '\u03c9'], ['ﬁx', 'fix']]) {
    t.match(refusalOf(`${one}.ts`, `${other}.ts`).message, /in more than case|NFC/, `${one} ${other}`)
  }
  t.match(refusalOf('e\u0301.ts').message, /expected a name in Unicode's form NFC/)
  t.match(refusalOf('\u00e9.ts', 'e\u0301.ts').message, /NFC/)
  t.match(refusalOf('lib', 'lib/a.ts').message, /^lib: expected a file or a folder/)
  t.match(refusalOf('lib/a.ts', 'lib').message, /^lib: expected a file or a folder/)
  t.match(refusalOf('index.ts/a.ts').message, /^index\.ts: expected a file or a folder/)
})

t.test('names are short, and folders not deep', async t => {
  t.doesNotThrow(() => canonical([file('index.ts'), file('a'.repeat(100)), file(`${'a'.repeat(50)}/${'b'.repeat(99)}/${'c'.repeat(99)}`)]))
  t.match(refusalOf('a'.repeat(101)).message, /expected names of at most 100 characters; found one of 101/)
  t.match(refusalOf('é'.repeat(51)).message, /found one of 102/, 'in bytes')
  t.match(refusalOf(`${'a'.repeat(51)}/${'b'.repeat(99)}/${'c'.repeat(99)}`).message, /expected a path of at most 250 characters; found 251/)
  t.doesNotThrow(() => canonical([file('index.ts'), file(`${'a/'.repeat(31)}b`)]))
  t.match(refusalOf(`${'a/'.repeat(32)}b`).message, /expected folders at most 32 deep; found 33/)
})

t.test('native addons are refused', async t => {
  for (const path of ['addon.node', 'build/Release/addon.NODE']) t.match(refusalOf(path).message, /: expected sources; found a native addon/)
})

t.test('files are not too many, nor too large', async t => {
  const many = Array.from({ length: FILES_MAX }, (_, i) => file(`file${i}.ts`, ''))
  t.equal(canonical([...many.slice(1), file('index.ts')]).files.length, FILES_MAX)
  t.match(failureOf([...many, file('index.ts')]).message, /^expected at most 2000 files; found 2001/)
  t.doesNotThrow(() => canonical([file('index.ts', Buffer.alloc(FILES_BYTES_MAX))]))
  t.match(failureOf([file('index.ts', Buffer.alloc(FILES_BYTES_MAX)), file('a.ts', 'x')]).message, /^expected at most 10485760 bytes in all files; found 10485761/)
})

t.test('what is packed comes out as it was', async t => {
  const { files } = canonical([file('index.ts', ''), file('lib/é.ts', Buffer.from([0, 1, 255])), file('__proto__/constructor.ts', '2')])
  const packed = packFiles(files)
  const again = unpackFiles(packed)
  t.strictSame(again.map(({ path, contents }) => [path, Buffer.from(contents)]), files.map(({ path, contents }) => [path, Buffer.from(contents)]))
  t.equal(versionOf(again), versionOf(files))
  t.strictSame(packFiles(again), packed)
  // As a store may give it: in the middle of something larger.
  const inside = Buffer.concat([Buffer.from('abc'), packed, Buffer.from('abc')]).subarray(3, 3 + packed.length)
  t.strictSame(pathsOf(unpackFiles(new Uint8Array(inside.buffer, inside.byteOffset, inside.length))), pathsOf(files))
  const largest = [...Array.from({ length: FILES_MAX - 1 }, (_, i) => file(`${'f/'.repeat(20)}${'n'.repeat(80)}${i}.ts`, '')), file('index.ts', Buffer.alloc(FILES_BYTES_MAX))]
  t.ok(packFiles(canonical(largest).files).length < 12_000_000, 'the largest fits into a store')
})

t.test('what was not packed so is refused', async t => {
  const packed = packFiles([file('index.ts', 'abc')])
  const listed = (list: unknown, contents = 'abc'): Buffer => {
    const json = Buffer.from(typeof list === 'string' ? list : JSON.stringify(list))
    const length = Buffer.alloc(4)
    length.writeUInt32LE(json.length)
    return Buffer.concat([length, json, Buffer.from(contents)])
  }
  t.strictSame(listed([['index.ts', 3]]), packed)
  const wrong: ReadonlyArray<[name: string, content: Uint8Array]> = [
    ['nothing', Buffer.alloc(0)], ['less than a length', packed.subarray(0, 3)], ['cut off', packed.subarray(0, -1)], ['more', Buffer.concat([packed, Buffer.from('x')])],
    ['a length that is too large', Buffer.concat([Buffer.from([255, 255, 255, 255]), packed.subarray(4)])],
    ['no JSON', listed('{')], ['no list', listed({ 'index.ts': 3 })], ['null', listed([null])], ['no pairs', listed(['index.ts'])],
    ['a negative length', listed([['index.ts', 4], ['z', -1]])], ['a fraction', listed([['index.ts', 2.5]])], ['a length as text', listed([['index.ts', '3']])],
    ['out of order', listed([['z.ts', 1], ['index.ts', 2]])], ['a folder around it', listed([['m/index.ts', 3]])], ['hidden files', listed([['.env', 1], ['index.ts', 2]])],
    ['a path outside', listed([['../x.ts', 1], ['index.ts', 2]])], ['an absolute path', listed([['/etc/x', 1], ['index.ts', 2]])], ['twice', listed([['index.ts', 1], ['index.ts', 2]])]
  ]
  for (const [name, content] of wrong) t.throws(() => unpackFiles(content), FilesError, name)
})

t.test('a large module takes no long time', async t => {
  const files = Array.from({ length: FILES_MAX - 1 }, (_, i) => file(`m/lib/folder${i % 40}/file${i}.ts`, createHash('sha256').update(String(i)).digest())).concat(file('m/index.ts'))
  const start = performance.now()
  unpackFiles(packFiles(canonical(files).files))
  // 60 ms, before anything is compiled.
  t.ok(performance.now() - start < 2_000)
})
