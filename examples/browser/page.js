// What a page does that calls with single-use tokens: it keeps a call key where no script can read it, and makes a token of it
// for each request. Such a key opens its owner's endpoints until it is removed, and nothing else: management takes another kind.
import { importKey, produce } from './tokens/produce.js'

const [secret, kept, path, results] = ['secret', 'kept', 'path', 'results'].map(id => document.getElementById(id))

/** Runs a request of the one store there is, and gives its result. */
async function stored (mode, act) {
  const opening = window.indexedDB.open('example-keys', 1)
  opening.onupgradeneeded = () => opening.result.createObjectStore('keys')
  const database = await result(opening)
  try {
    return await result(act(database.transaction('keys', mode).objectStore('keys')))
  } finally {
    database.close()
  }
}

function result (request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

/** Name and key. Browsers store a `CryptoKey` as it is: one that is not extractable stays so. */
const load = () => stored('readonly', store => store.get('call'))
const save = value => stored('readwrite', store => store.put(value, 'call'))
const remove = () => stored('readwrite', store => store.delete('call'))

async function show () {
  const found = await load()
  kept.textContent = found ? found.kid : 'none'
  if (found && path.value === '') path.value = `/tenants/${ownerOf(found)}/greet/Ada`
}

/** A key is named `<uuid of its owner>.<id>`. */
function ownerOf ({ kid }) {
  return kid.split('.')[0]
}

let last

/** Makes a token for this one request, and sends it. */
async function call (url, manage = false) {
  const found = await load()
  if (!found) throw new Error('keep a key first')
  last = { url, token: await produce({ ...found, method: 'GET', url, manage }) }
  return await send(last)
}

async function send ({ url, token }) {
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  return `${response.status} ${await response.text()}`
}

const actions = {
  async forget () {
    await remove()
    last = undefined
    await show()
    return 'forgotten'
  },
  call: () => call(new URL(path.value, window.location.href)),
  async replay () {
    if (last === undefined) throw new Error('call first')
    return await send(last)
  },
  async manage () {
    const found = await load()
    if (!found) throw new Error('keep a key first')
    return await call(new URL(`/tenants/${ownerOf(found)}/module-api/versions`, window.location.href), true)
  },
  async export () {
    const found = await load()
    if (!found) throw new Error('keep a key first')
    await crypto.subtle.exportKey('raw', found.key)
    return 'it could be read'
  }
}

/** As text: what came from elsewhere is never markup. */
async function report (name, act) {
  const line = document.createElement('li')
  line.dataset.action = name
  try {
    line.textContent = `${name}: ${await act()}`
  } catch (error) {
    line.textContent = `${name}: ${error.name}: ${error.message}`
  }
  results.append(line)
}

for (const [name, act] of Object.entries(actions)) {
  document.getElementById(name).addEventListener('click', () => report(name, act))
}
document.getElementById('keep').addEventListener('submit', event => {
  event.preventDefault()
  const [kid, text = ''] = secret.value.trim().split(/\s+/)
  secret.value = ''
  report('keep', async () => {
    await save({ kid, key: await importKey(text) })
    await show()
    return kid
  })
})
await show()
