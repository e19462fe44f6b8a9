/** Elevates in the working directory, once for each of the orders, and is ended where the test says so. Prints what came of each. */
import { elevate, type Step } from '../../lib/cli/elevation/elevate.ts'

export interface Order {
  readonly tenant: string
  readonly folder: string
  readonly database?: string
  readonly without?: readonly string[]
  /** Ends the process, as the system would. */
  readonly killAfter?: Step
  readonly killAfterMs?: number
  /** Something goes wrong. */
  readonly failAfter?: Step
}

export interface Outcome {
  readonly message?: string
  readonly isRepeated?: boolean
  readonly notes?: readonly string[]
  readonly steps: readonly Step[]
}

async function run ({ without = [], killAfter, killAfterMs, failAfter, database, ...request }: Order): Promise<Outcome> {
  if (killAfterMs !== undefined) setTimeout(() => process.kill(process.pid, 'SIGKILL'), killAfterMs).unref()
  const steps: Step[] = []
  try {
    const outcome = await elevate({ ...request, database, without: new Set(without) }, step => {
      steps.push(step)
      if (step === killAfter) process.kill(process.pid, 'SIGKILL')
      if (step === failAfter) throw new Error(`it was to fail after ${step}`)
    })
    return { ...outcome, steps }
  } catch (error) {
    return { message: (error as Error).message, steps }
  }
}

const outcomes: Outcome[] = []
for (const order of JSON.parse(process.argv[2] as string) as Order[]) outcomes.push(await run(order))
console.log(JSON.stringify(outcomes))
