import { defineError } from '../errors';

export const NotAPicture = defineError(
  'NOT_A_PICTURE',
  415,
  () => 'the file is no JPEG, PNG or WebP picture, whatever its name says: send a photo in one of these formats',
);
export const PictureTooLarge = defineError(
  'PICTURE_TOO_LARGE',
  413,
  (limit: string) => `the picture is larger than ${limit}: make it smaller and send it again`,
);
export const Busy = defineError('BUSY', 503, () => 'the server has as much to do as it can hold: try again in a few seconds');
export const Stopping = defineError('STOPPING', 503, () => 'the server is stopping: try again when it is back');
export const ModelUnavailable = defineError(
  'MODEL_UNAVAILABLE',
  503,
  (task: string, problem: string) =>
    `the ${task} model cannot be used (${problem}): npm run models -- rollback --task ${task} goes back to the one before`,
);
export const NoSuchUpload = defineError(
  'NO_SUCH_UPLOAD',
  404,
  () => 'there is no such picture here: uploads are removed after a while, upload it again',
);
export const UploadsFull = defineError(
  'UPLOADS_FULL',
  507,
  (folder: string) => `the disk that holds ${folder} is full, so the picture could not be kept: free some space`,
);
