import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Shelf } from '../../lib/sandbox/workshop/staging.ts'

t.test('files and folders inside the root are given out, and noted', async t => {
  const directory = t.testdir({ root: { 'a.ts': 'a', lib: { 'b.ts': 'b', '.hidden.ts': '' }, 'new\nline.ts': '', node_modules: { '.pnpm': {} } } })
  const shelf = new Shelf(join(directory, 'root/a.ts'), join(directory, 'root'))
  t.equal(shelf.entry, 'a.ts')
  t.equal(shelf.single, false)
  t.equal(shelf.read('a.ts').toString(), 'a')
  t.strictSame(shelf.list(''), [['a.ts', 'file'], ['lib', 'folder'], ['node_modules', 'folder']])
  t.strictSame(shelf.list('lib'), [['b.ts', 'file']])
  t.strictSame(shelf.list('node_modules'), [['.pnpm', 'folder']])
  t.strictSame(shelf.list('none'), [])
  t.strictSame(shelf.list('a.ts'), [])
  t.strictSame(shelf.inputs.toSorted(), ['', '/a.ts', '/a.ts', '/lib', '/node_modules', '/none'].map(path => `${directory}/root${path}`))
  t.equal(shelf.has('a.ts'), true)
  t.equal(shelf.has('lib/b.ts'), false)
})

t.test('paths that lead out are refused, however they are written', async t => {
  const directory = t.testdir({ secret: 'x', root: { 'a.ts': 'a' } })
  const shelf = new Shelf(join(directory, 'root/a.ts'), join(directory, 'root'))
  for (const path of ['../secret', 'a/../../secret', '/etc/passwd', './a.ts', 'a.ts/', '', '//a.ts', 'a\\..\\b', 'a\0.ts', '..', 'x/'.repeat(40) + 'a.ts']) {
    t.throws(() => shelf.read(path), /is no path|is too deep/, JSON.stringify(path))
  }
  for (const path of ['..', '/', '.', 'a/../..']) t.throws(() => shelf.list(path), /is no path/, JSON.stringify(path))
})

t.test('links are followed as far as the root, and not beyond', async t => {
  const directory = t.testdir({
    'secret.ts': 'secret',
    out: { 'x.ts': 'secret' },
    root: {
      'a.ts': 'a',
      lib: { 'b.ts': 'b' },
      'in.ts': t.fixture('symlink', 'lib/b.ts'),
      'out.ts': t.fixture('symlink', '../secret.ts'),
      up: t.fixture('symlink', '..'),
      away: t.fixture('symlink', '../out'),
      'nowhere.ts': t.fixture('symlink', 'none'),
      linked: t.fixture('symlink', 'lib'),
      self: t.fixture('symlink', '.'),
      circle: t.fixture('symlink', 'circle')
    }
  })
  const shelf = new Shelf(join(directory, 'root/a.ts'), join(directory, 'root'))
  t.strictSame(shelf.list(''), [
    ['a.ts', 'file'],
    ['away', 'refused', "is a link that leads outside of the module's folder: ../out"],
    ['circle', 'refused', 'is a link that leads nowhere: circle'],
    ['in.ts', 'file', 'lib/b.ts'],
    ['lib', 'folder'],
    ['linked', 'folder', 'lib'],
    ['nowhere.ts', 'refused', 'is a link that leads nowhere: none'],
    ['out.ts', 'refused', "is a link that leads outside of the module's folder: ../secret.ts"],
    ['self', 'folder', ''],
    ['up', 'refused', "is a link that leads outside of the module's folder: .."]
  ])
  t.equal(shelf.read('in.ts').toString(), 'b')
  t.equal(shelf.read('linked/b.ts').toString(), 'b')
  t.equal(shelf.read('self/self/lib/b.ts').toString(), 'b')
  t.throws(() => shelf.read('out.ts'), /leads outside of its directory: \.\.\/secret\.ts/)
  t.throws(() => shelf.read('away/x.ts'), /leads outside/)
  t.throws(() => shelf.read('up/secret.ts'), /leads outside/)
  t.throws(() => shelf.read('circle'), /ELOOP/)
  t.strictSame(shelf.list('away'), [])
  t.strictSame(shelf.list('up'), [])
})

t.test('what is no regular file is not opened, and nothing is waited for', async t => {
  const directory = t.testdir({ root: { 'a.ts': '', folder: {} } })
  execFileSync('mkfifo', [join(directory, 'root/pipe.ts')])
  symlinkSync('/dev/zero', join(directory, 'root/zero.ts'))
  const shelf = new Shelf(join(directory, 'root/a.ts'), join(directory, 'root'))
  t.throws(() => shelf.read('pipe.ts'), /is not a regular file/)
  t.throws(() => shelf.read('folder'), /is not a regular file/)
  t.throws(() => shelf.read('zero.ts'), /leads outside/)
  t.throws(() => shelf.read('none.ts'), /cannot be read: ENOENT/)
  t.match(shelf.list(''), [['a.ts', 'file'], ['folder', 'folder'], ['pipe.ts', 'refused', 'is not a regular file'], ['zero.ts', 'refused']])
})

t.test('a module of one file has nothing beside it', async t => {
  const directory = t.testdir({ 'a.ts': 'a', 'b.ts': 'b', 'link.ts': t.fixture('symlink', 'b.ts') })
  const shelf = new Shelf(join(directory, 'a.ts'), join(directory, 'a.ts'))
  t.equal(shelf.single, true)
  t.equal(shelf.read('a.ts').toString(), 'a')
  t.throws(() => shelf.read('b.ts'), /one file has only itself/)
  t.strictSame(shelf.list(''), [])
  t.strictSame(shelf.inputs, [join(directory, 'a.ts')])
  t.equal(new Shelf(join(directory, 'link.ts'), join(directory, 'link.ts')).read('link.ts').toString(), 'b')
})

t.test('a root that is a link is what it leads to', async t => {
  const directory = t.testdir({ real: { 'a.ts': 'a' }, root: t.fixture('symlink', 'real') })
  const shelf = new Shelf(join(directory, 'root/a.ts'), join(directory, 'root'))
  t.equal(shelf.read('a.ts').toString(), 'a')
  t.strictSame(shelf.inputs, [join(directory, 'root/a.ts')], 'by the names that the catalog knows')
})

t.test('a folder that becomes a link between two looks gives nothing away', async t => {
  const directory = t.testdir({ out: { 'x.ts': 'secret' }, root: { 'a.ts': '', lib: { 'x.ts': 'own' } } })
  const root = join(directory, 'root')
  const shelf = new Shelf(join(root, 'a.ts'), root)
  let secrets = 0
  for (let i = 0; i < 200; i++) {
    if (i % 2 === 0) {
      renameSync(join(root, 'lib'), join(root, 'away'))
      symlinkSync('../out', join(root, 'lib'))
    } else {
      rmSync(join(root, 'lib'))
      renameSync(join(root, 'away'), join(root, 'lib'))
    }
    try {
      if (shelf.read('lib/x.ts').toString() !== 'own') secrets++
    } catch {
      // Refused.
    }
  }
  t.equal(secrets, 0)
})

t.test('it knows whether what was asked for is as it was', async t => {
  const directory = t.testdir({ root: { 'a.ts': 'a', lib: { 'b.ts': 'b' } } })
  const root = join(directory, 'root')
  const open = (): Shelf => new Shelf(join(root, 'a.ts'), root)
  const shelf = open()
  shelf.read('a.ts')
  shelf.read('lib/b.ts')
  shelf.list('lib')
  shelf.list('none')
  t.throws(() => shelf.read('missing.ts'))
  const { trace } = shelf
  t.equal(await open().matches({ ...trace, read: { 'a.ts': trace.read['a.ts']!, 'lib/b.ts': trace.read['lib/b.ts']! } }), true)
  t.equal(await open().matches(trace), false, 'what could not be read is another try')
  const whole = { ...trace, read: { 'lib/b.ts': trace.read['lib/b.ts']! } }
  writeFileSync(join(root, 'lib/c.ts'), '')
  t.equal(await open().matches(whole), false, 'a new name')
  rmSync(join(root, 'lib/c.ts'))
  t.equal(await open().matches(whole), true)
  writeFileSync(join(root, 'lib/b.ts'), 'c')
  t.equal(await open().matches(whole), false, 'other contents')
  writeFileSync(join(root, 'lib/b.ts'), 'b')
  mkdirSync(join(root, 'none'))
  t.equal(await open().matches(whole), true, 'an empty folder is as good as none')
  writeFileSync(join(root, 'none/x.ts'), '')
  t.equal(await open().matches(whole), false, 'one that is not is not')
})

t.test('sizes have limits', async t => {
  const directory = t.testdir({ root: { 'a.ts': '', 'big.ts': Buffer.alloc(8 * 1024 * 1024 + 1), 'b.ts': Buffer.alloc(7 * 1024 * 1024), 'c.ts': Buffer.alloc(7 * 1024 * 1024), 'd.ts': Buffer.alloc(7 * 1024 * 1024) } })
  const shelf = new Shelf(join(directory, 'root/a.ts'), join(directory, 'root'))
  t.throws(() => shelf.read('big.ts'), /is too large: expected files of at most 8388608 bytes; found 8388609/)
  shelf.read('b.ts')
  shelf.read('c.ts')
  t.throws(() => shelf.read('d.ts'), /makes it too large/)
})
