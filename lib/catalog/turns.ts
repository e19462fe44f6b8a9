/** Work of which one piece begins with what the one before it left. */
export class Turns {
  #last: Promise<void> = Promise.resolve()
  #closed = false

  /** Settles as the work does. After the close, nothing is done. */
  take (work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(() => this.#closed ? undefined : work())
    this.#last = turn.catch(() => {})
    return turn
  }

  /** Lets what is under way end. */
  async close (): Promise<void> {
    this.#closed = true
    await this.#last
  }
}
