import { deflateRawSync } from 'node:zlib';
import { type Html, html } from '../html';

/**
 * A run's page, packed: a report of a thousand runs opens at once, since a page is unpacked when it is asked for, and is a few megabytes instead of a hundred.
 */
export function packPage(runId: string, page: Html): Html {
  return html`<script type="text/plain" id="packed-${runId}">${deflateRawSync(page.text).toString('base64')}</script>\n`;
}
