import { readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { type PictureKind, pictureExtensions, pictureKind, readPictureHeader, thumbnailOf } from '../data';
import { isDiskFull, isMissing, sha256, writeAtomic } from '../files';
import { NoSuchUpload, NotAPicture, PictureTooLarge, UploadsFull } from './pictureErrors';

/** A picture that may be decoded. */
export interface CheckedPicture {
  readonly kind: PictureKind;
  readonly width: number;
  readonly height: number;
}

/**
 * Looks at what somebody sent before any decoder does: its kind by its first bytes, never by its name, and its size by its header.
 *
 * @throws NOT_A_PICTURE, PICTURE_TOO_LARGE; UNREADABLE_PICTURE where the header is damaged (that the rest is sound shows when it is decoded)
 */
export async function checkPicture(content: Uint8Array, { maximumPixels }: { readonly maximumPixels: number }): Promise<CheckedPicture> {
  const kind = pictureKind(content);
  if (!kind) throw NotAPicture();
  const { format, width, height } = await readPictureHeader(content);
  if (format !== kind) throw NotAPicture();
  if (width * height > maximumPixels) throw PictureTooLarge(`${maximumPixels / 1e6} million pixels`);
  return { kind, width, height };
}

/** Pictures that were sent, each a file named by its content. */
export interface Uploads {
  /**
   * Keeps a picture; one that is there already stays for the full time again.
   *
   * @returns its name here
   * @throws UPLOADS_FULL, and every other error of the file system
   */
  store(content: Uint8Array, kind: PictureKind): Promise<string>;
  /** Whether there is an upload of this name; false for every name that is not one of ours. */
  has(name: string): Promise<boolean>;
  /** The bytes as they were sent: for a model, never for a browser. @throws NO_SUCH_UPLOAD */
  read(name: string): Promise<Uint8Array>;
  /** A WebP for browsers, no side longer than `side` pixels: decoded and encoded again, without metadata. @throws NO_SUCH_UPLOAD, UNREADABLE_PICTURE */
  thumbnail(name: string, side: number): Promise<Uint8Array>;
  /** Removes what is older than is kept, and says how many files that were. */
  sweep(now?: number): Promise<number>;
}

/** Names of ours: SHA-256 in hex, and a kind. There is no way out of the folder in them. */
const uploadName = new RegExp(`^[0-9a-f]{64}\\.(${Object.values(pictureExtensions).join('|')})$`);

/** Opens the store of uploads in a folder, which is made when the first comes. */
export function openUploads({ folder, keepHours }: { readonly folder: string; readonly keepHours: number }): Uploads {
  const read = async (name: string): Promise<Uint8Array> => {
    if (!uploadName.test(name)) throw NoSuchUpload();
    try {
      return await readFile(path.join(folder, name));
    } catch (error) {
      throw isMissing(error) ? NoSuchUpload() : error;
    }
  };
  return {
    read,
    store: async (content, kind) => {
      const name = `${sha256(content)}.${pictureExtensions[kind]}`;
      const file = path.join(folder, name);
      try {
        if (!(await touch(file))) await writeAtomic(file, content);
      } catch (error) {
        throw isDiskFull(error) ? UploadsFull(folder) : error;
      }
      return name;
    },
    has: async (name) => uploadName.test(name) && (await modifiedAt(path.join(folder, name))) !== undefined,
    thumbnail: async (name, side) => thumbnailOf(await read(name), side),
    sweep: async (now = Date.now()) => {
      const files = (await listFolder(folder)).map((name) => path.join(folder, name));
      const removed = await Promise.all(
        files.map(async (file) => {
          const modified = await modifiedAt(file);
          if (modified === undefined || now - modified < keepHours * 3_600_000) return false;
          await rm(file, { force: true });
          return true;
        }),
      );
      return removed.filter(Boolean).length;
    },
  };
}

/** Sets a file's time to now; false where there is none. */
async function touch(file: string): Promise<boolean> {
  const now = new Date();
  try {
    await utimes(file, now, now);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** In ms since 1970; undefined where there is no such file. */
async function modifiedAt(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).mtimeMs;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
