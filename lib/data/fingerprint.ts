import { sha256 } from '../files';

/** SHA-256 over the name, content and labels of every picture, whatever their order. */
export function fingerprintOf(
  pictures: readonly { readonly filename: string; readonly sha256: string; readonly labels: readonly number[] }[],
): string {
  const lines = pictures.map((picture) => `${picture.filename}\t${picture.sha256}\t${picture.labels.join('')}\n`);
  return sha256(lines.sort().join(''));
}
