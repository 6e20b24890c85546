export * from './errors';
export * from './onnx';
export * from './tensorflow';
