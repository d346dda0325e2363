import { defineConfig } from 'vitest/config'
import { alias, root } from '../support/alias.js'
import { chosenEngines } from '../support/engines/index.js'

// One after the other: several browsers at once would slow each other down, and the clock is what is tested.
export default defineConfig({
  // What of the examples runs in Node takes the package by its name.
  resolve: { alias },
  test: {
    root,
    environment: 'node',
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: { name: 'providers', include: ['test/e2e/*.test.ts'], sequence: { groupOrder: 0 } },
      },
      ...chosenEngines().map((engine, index) => ({
        extends: true as const,
        test: {
          name: engine,
          include: ['test/e2e/tabs/*.test.ts'],
          env: { ENGINE: engine },
          sequence: { groupOrder: index + 1 },
        },
      })),
    ],
  },
})
