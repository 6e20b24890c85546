import { defineError } from '../errors';

export const BadPredictions = defineError('BAD_PREDICTIONS', 422, (problem: string) => `metrics cannot be computed: ${problem}`);
