import type { TestRunner } from 'inbox-session/testing'

/** A runner that only takes down what is registered with it. */
export function collect(register: (runner: TestRunner) => void) {
  const names: string[] = []
  const tests = new Map<string, () => Promise<void>>()
  register({
    describe(name, body) {
      names.push(name)
      body()
    },
    it: (title, body) => tests.set(title, body),
  })
  return {
    names,
    titles: [...tests.keys()],
    /** What a test failed with; undefined: it passed. */
    run: (title: string): Promise<string | undefined> =>
      tests.get(title)!().then(
        () => undefined,
        (error: Error) => error.message,
      ),
  }
}
