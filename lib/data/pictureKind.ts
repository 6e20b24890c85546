/** The kinds of pictures that people may send. */
export type PictureKind = 'jpeg' | 'png' | 'webp';

/** How files of each kind end. */
export const pictureExtensions = { jpeg: 'jpg', png: 'png', webp: 'webp' } as const satisfies Record<PictureKind, string>;

/** What a file of each kind starts with: bytes at an offset. */
const signatures: Readonly<Record<PictureKind, readonly (readonly [offset: number, bytes: Buffer])[]>> = {
  jpeg: [[0, Buffer.from([0xff, 0xd8, 0xff])]],
  png: [[0, Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])]],
  webp: [
    [0, Buffer.from('RIFF')],
    [8, Buffer.from('WEBP')],
  ],
};

/** A picture's kind by its first bytes, whatever its name says; undefined for everything else, SVG and GIF too. */
export function pictureKind(content: Uint8Array): PictureKind | undefined {
  const kinds = Object.keys(signatures) as PictureKind[];
  return kinds.find((kind) => signatures[kind].every(([offset, bytes]) => bytes.equals(content.subarray(offset, offset + bytes.length))));
}
