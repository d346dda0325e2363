import { basename } from 'node:path'
import { defineConfig } from 'vitest/config'
import type { TestSequencer, TestSpecification } from 'vitest/node'
import base from '../vitest.config.js'

const mutated = basename(process.env.MUTATED ?? '', '.ts')
const shared = ['flight', 'session', 'listen', 'peers'].includes(mutated)
const slow = ['invariants', 'leaks', 'retries', 'reentrant-many', 'schedule']
const apart = ['server-process', 'storage-web', 'page', 'clock']

/** A mutant ends with the first test that fails: those of the mutated file's own go first, those of tabs last. */
class NearestFirst implements TestSequencer {
  shard = (files: TestSpecification[]): TestSpecification[] => files
  sort(files: TestSpecification[]): TestSpecification[] {
    const rank = ({ moduleId }: TestSpecification): number => {
      const name = basename(moduleId)
      if (name.startsWith(mutated)) return name === `${mutated}.unit.test.ts` ? 0 : 1
      return moduleId.includes('/tabs/') ? 3 : 2
    }
    return [...files].sort((one, other) => rank(one) - rank(other) || (one.moduleId < other.moduleId ? -1 : 1))
  }
}

// The mutated file's own tests and those of the session: seconds in all, so that a mutant takes about one. Without those
// that take seconds themselves (random scenarios, crowds, 1 000 sessions), or need a process or a document of their own.
const { resolve, test } = base
export default defineConfig({
  resolve,
  test: {
    ...test,
    projects: undefined,
    include: [`test/${mutated}*.unit.test.ts`, 'test/session/*.test.ts', ...(shared ? ['test/tabs/*.test.ts'] : [])],
    exclude: [
      ...[...slow, ...apart].map((name) => `test/session/${name}.test.ts`),
      ...['failures', 'simulation', 'storage'].map((name) => `test/tabs/${name}.test.ts`),
    ],
    // A test that only waits for a busy machine must not pass for one that noticed something.
    testTimeout: 40_000,
    isolate: false,
    fileParallelism: false,
    sequence: { sequencer: NearestFirst },
  },
})
