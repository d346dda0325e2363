// One mutated file a run; `run.mjs` says which, in the copy of the project it made.
export default {
  mutate: [process.env.MUTATED],
  plugins: ['@stryker-mutator/vitest-runner'],
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
  coverageAnalysis: 'perTest',
  concurrency: Number(process.env.CONCURRENCY ?? 2),
  // Wide limits: on a busy machine a mutant that nobody notices must not pass for one that runs for ever.
  timeoutMS: 30_000,
  timeoutFactor: 2.5,
  // The copy is thrown away: no second one in it.
  inPlace: true,
  tempDirName: '.mutation',
  reporters: ['json'],
  jsonReporter: { fileName: 'mutation.json' },
  logLevel: 'warn',
  allowEmpty: true,
}
