import { open } from 'node:fs/promises';
import type { File as HdfFile } from 'h5wasm';

export type Hdf = typeof import('h5wasm');

let library: Promise<Hdf> | undefined;

/** HDF5 for Node, loaded once. The package has no types for its `node` entry, which has the same ones. */
export function loadHdf(): Promise<Hdf> {
  library ??= import('h5wasm/node' as string).then(async (hdf: Hdf) => {
    await hdf.ready;
    return hdf;
  });
  return library;
}

/** The first bytes of every HDF5 file (HDF5 File Format Specification, II.A). */
const signature = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');

/**
 * Does `work` on an HDF5 file opened for reading, and closes it.
 *
 * @throws the file system's error where there is no such file; Error that says why it cannot be opened; whatever `work` throws
 */
export async function withHdfFile<Result>(file: string, work: (opened: HdfFile, hdf: Hdf) => Promise<Result> | Result): Promise<Result> {
  const hdf = await loadHdf();
  if (!(await startsWith(file, signature))) throw new Error('it is no HDF5 file');
  const opened = openQuietly(hdf, file);
  try {
    return await work(opened, hdf);
  } finally {
    opened.close();
  }
}

/** Opens a file. By default the library prints what is wrong with one, and answers as if it had opened it. */
function openQuietly(hdf: Hdf, file: string): HdfFile {
  hdf.Module.activate_throwing_error_handler();
  try {
    return new hdf.File(file, 'r');
  } catch (error) {
    const text = String(error);
    throw new Error(/truncated/i.test(text) ? 'it is truncated: its end is missing' : text);
  } finally {
    hdf.Module.deactivate_throwing_error_handler();
  }
}

async function startsWith(file: string, bytes: Uint8Array): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes.length), 0, bytes.length, 0);
    return bytesRead === bytes.length && buffer.equals(bytes);
  } finally {
    await handle.close();
  }
}
