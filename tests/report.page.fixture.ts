import { inflateRawSync } from 'node:zlib';
import { JSDOM } from 'jsdom';

/** The page of a run that a report has packed, as the report's script unpacks it; undefined where it has none. */
export function runPageOf(report: Document, runId: string): Document | undefined {
  const packed = report.getElementById(`packed-${runId}`)?.textContent;
  return packed ? new JSDOM(inflateRawSync(Buffer.from(packed, 'base64')).toString()).window.document : undefined;
}
