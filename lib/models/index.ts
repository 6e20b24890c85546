export * from './backbones';
export {
  calibrationReportFile,
  exportReportFile,
  findVariant,
  type ModelCard,
  type ModelVariant,
  modelFiles,
  modelMetadata,
  type SavedModel,
  variantFile,
  writeCard,
  writeDecision,
} from './card';
export * from './classifier';
export { type CutGraph, cutGraph } from './cut';
export * from './errors';
export { fromFloat16, halveWeights, toFloat16 } from './float16';
export * from './graph';
export * from './kerasFile';
export { assignWeights, type NamedWeights, readKerasWeights } from './kerasWeights';
export { applyTrained, graphOf } from './layersGraph';
export { lite0Package } from './lite0Weights';
export { type OfficialWeights, officialWeights } from './officialWeights';
export * from './onnx';
export { type ClassifierHead, type HeadLayer, readHead } from './onnxHead';
export { withMetadata, withOutput } from './onnxProto';
export { type QuantiseOptions, quantise } from './quantise';
export type { CalibrationMethod } from './quantiseCalibrate';
export type { WeightBits } from './quantiseKernel';
export * from './versions';
export * from './weights';
export * from './weightsCache';
export { downloadWeights, findOfficialWeights } from './weightsDownload';
export * from './weightsList';
