export { type AuditedPhoto, type AuditReport, auditPhotos, type DuplicateGroup, describeAudit, type UnusablePhoto } from './audit';
export { type DatasetCard, readDatasetCard, splitOf } from './card';
export { mapOnCores } from './cores';
export { type Dataset, type LabelledPicture, labelMatrix, picturesBySplit, readDataset, spread } from './dataset';
export * from './errors';
export { type SyncOptions, type SyncReport, syncLabels } from './labels';
export { findCopies } from './likeness';
export { buildSample, openData } from './open';
export { type PictureKind, pictureExtensions, pictureKind } from './pictureKind';
export {
  type DecodedPicture,
  type DecodeOptions,
  decodePicture,
  decodeWithin,
  encodeJpeg,
  encodeWebp,
  isPictureName,
  listPictures,
  readPictureHeader,
  thumbnailOf,
} from './pictures';
export { type PrepareOptions, prepareDataset } from './prepare';
export { chooseData, type DataSource, type PhotoFolder, photoFolders } from './source';
