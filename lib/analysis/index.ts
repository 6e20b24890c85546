export { confusedPictures } from './confused';
export * from './errors';
export { type JudgedPicture, type JudgedPictures, judgePictures } from './judged';
