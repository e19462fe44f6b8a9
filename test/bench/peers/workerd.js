/** A worker for workerd: see workerd.capnp. */
export default {
  async fetch (request) {
    if (request.method === 'POST') return Response.json(await request.json())
    return Response.json({ hello: new URL(request.url).searchParams.get('name') })
  }
}
