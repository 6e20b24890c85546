export { type AuditedPhoto, type AuditReport, auditPhotos, type DuplicateGroup, describeAudit, type UnusablePhoto } from './audit';
export { type CardOf, type DatasetCard, readDatasetCard, splitOf } from './card';
export { checkData, countPictures } from './check';
export { mapOnCores } from './cores';
export { type Dataset, type LabelledPicture, labelMatrix, picturesBySplit, readDataset, spread } from './dataset';
export * from './errors';
export { balanceClasses, type GalaxyCard } from './galaxy';
export { type SyncOptions, type SyncReport, syncLabels } from './labels';
export { correlationOffBlack, findCopies, groupPictures } from './likeness';
export { type BuiltSample, buildSample, openData } from './open';
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
export { decodeView, drawViews, type View, viewKey } from './views';
