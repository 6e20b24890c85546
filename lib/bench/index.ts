export { type BenchOptions, runBench } from './bench';
export { type BenchConfig, benchConfig } from './config';
export * from './errors';
export { benchFigure, writeBenchFigure } from './figure';
export { type BenchRecord, benchRecordSchema, type Measure, measureRows, measuresOf } from './record';
