import { defineError } from '../errors';

export const BadOnnxModel = defineError(
  'BAD_ONNX_MODEL',
  422,
  (what: string, reason: string) => `${what} is no ONNX model that can be run: ${reason}`,
);
