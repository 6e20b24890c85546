import type { FastifyError, FastifyRequest } from 'fastify';
import { MalformedForm, NoPicture, NotMultipart } from './errors';
import { PictureTooLarge } from './pictureErrors';

/** A picture as it was sent. */
export interface SentPicture {
  /** As the sender calls it: to show, never to open. */
  readonly filename: string;
  readonly content: Uint8Array;
}

const pictureFields = new Set(['image', 'file']);

/**
 * The pictures of a multipart request, one after the other: the next is read when the one before it has been dealt with, so a request never
 * holds more than one in memory. A picture over the limit is given as an error in its place; what stands in other fields is passed over.
 *
 * @throws NOT_MULTIPART, NO_PICTURE, MALFORMED_FORM
 */
export async function* sentPictures(
  request: FastifyRequest,
  maximumBytes: number,
): AsyncGenerator<SentPicture | { filename: string; error: Error }> {
  if (!request.isMultipart()) throw NotMultipart(request.headers['content-type'] ?? '');
  let count = 0;
  try {
    for await (const part of request.parts()) {
      if (part.type !== 'file') continue;
      const filename = shownName(part.filename);
      const content = await part.toBuffer();
      // A form's file field that nobody filled is sent as an empty file without a name.
      if (!pictureFields.has(part.fieldname) || (content.length === 0 && !part.filename)) continue;
      count++;
      if (part.file.truncated) yield { filename, error: PictureTooLarge(`${maximumBytes / 1e6} MB`) };
      else yield { filename, content };
    }
  } catch (error) {
    // The parser's own errors have no status; those of the limits have.
    throw (error as FastifyError).statusCode === undefined ? MalformedForm((error as Error).message) : error;
  }
  if (count === 0) throw NoPicture();
}

const shownCharacters = 200;

/** A file name without folders and control characters. */
function shownName(name: string | undefined): string {
  const base = (name ?? '').split(/[/\\]/).at(-1)!;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const clean = base.replace(/[\u0000-\u001f\u007f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '').slice(0, shownCharacters);
  return clean === '' ? 'picture' : clean;
}
