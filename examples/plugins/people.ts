import { Type } from '@sinclair/typebox'
import { assert, endpoint, fail } from 'fastify-microservices'

const Name = Type.String({ minLength: 1 })
const Person = Type.Object({ id: Type.Integer(), name: Name })
const ById = Type.Object({ id: Type.Integer({ minimum: 1 }) })

// Kept while this version of the module lives: save the file, and Ada is alone again.
const people = new Map([[1, { id: 1, name: 'Ada' }]])
let lastId = 1

export const list = endpoint({
  api: 'people',
  summary: 'Lists people',
  returns: Type.Array(Person)
}, () => [...people.values()])

export const add = endpoint({
  method: 'POST',
  api: 'people',
  summary: 'Adds a person',
  args: Type.Object({ name: Name }),
  returns: Person
}, ({ name }) => {
  assert(![...people.values()].some(person => person.name === name), 409, `There is a ${name} already`)
  return save({ id: ++lastId, name })
})

export const show = endpoint({
  api: 'person',
  summary: 'Shows a person',
  params: ['id'],
  args: ById,
  returns: Person
}, ({ id }) => people.get(id) ?? fail(404, `There is no person ${id}`))

export const rename = endpoint({
  method: 'PUT',
  api: 'person',
  summary: 'Renames a person',
  params: ['id'],
  args: Person,
  returns: Person
}, ({ id, name }) => {
  assert(people.has(id), 404, `There is no person ${id}`)
  return save({ id, name })
})

/** Returns nothing, which is a 204. */
export const remove = endpoint({
  method: 'DELETE',
  api: 'person',
  summary: 'Removes a person',
  params: ['id'],
  args: ById
}, ({ id }) => {
  people.delete(id)
})

function save (person: { id: number, name: string }) {
  people.set(person.id, person)
  return person
}
