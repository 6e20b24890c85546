import path from 'node:path';
import { type BrowserBundle, bundleForBrowser } from '../../bundle';
import { sha256 } from '../../files';

/** What a browser loads besides the pages. */
export interface ClientBundle extends BrowserBundle {
  /** Of both contents, so that a changed bundle gets another address. */
  readonly hash: string;
}

const hashLength = 12;

/** Bundles this folder's script and style sheet. */
export async function bundleClient(): Promise<ClientBundle> {
  const bundle = await bundleForBrowser(path.dirname(__filename));
  return { ...bundle, hash: sha256(bundle.js + bundle.css).slice(0, hashLength) };
}
