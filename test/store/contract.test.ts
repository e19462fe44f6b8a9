import t from 'tap'
import { storeContract } from '../../lib/store/contract/contract.ts'
import { FakeData, FakeStore } from '../tenancy/fake-store.ts'

// Other tests rely on the store in memory: it must do what real ones do.
storeContract({
  test: (name, run) => t.test(name, run),
  create: async () => {
    const data = new FakeData()
    const open = async (): Promise<FakeStore> => {
      const store = new FakeStore(data)
      await store.open()
      return store
    }
    return { store: await open(), again: open, remove: async () => {} }
  }
})
