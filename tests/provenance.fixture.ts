import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { parse } from 'yaml';
import { openWorkspace } from '../lib/workspace';

const { python } = openWorkspace({ env: {} });

/** Mistune comes with JupyterLab, which the set-up installs. */
export const canParse = existsSync(python);

/** A piece of a Markdown document, as Mistune has it. */
export interface MarkdownNode {
  readonly type: string;
  readonly raw?: string;
  readonly children?: readonly MarkdownNode[];
}

export interface ParsedCard {
  readonly metadata: Record<string, unknown>;
  readonly nodes: readonly MarkdownNode[];
  /** Every table: its rows, the heading first, as the text of their cells. */
  readonly tables: readonly (readonly (readonly string[])[])[];
  readonly headings: readonly string[];
}

/** Splits a card into its front matter, read as YAML, and its Markdown, read by Mistune. */
export function parseCard(text: string): ParsedCard {
  const [, frontMatter, body] = /^---\n(.*?)\n---\n\n(.*)$/s.exec(text)!;
  const script = `import json, mistune, sys
print(json.dumps(mistune.create_markdown(renderer=None, plugins=['table'])(sys.stdin.read())))`;
  const nodes = JSON.parse(execFileSync(python, ['-c', script], { input: body!, encoding: 'utf8' })) as MarkdownNode[];
  const ofType = (type: string): MarkdownNode[] => nodes.filter((node) => node.type === type);
  return {
    metadata: parse(frontMatter!),
    nodes,
    tables: ofType('table').map((table) => {
      const [head, body] = table.children!;
      return [head!.children!.map(textOf), ...body!.children!.map((row) => row.children!.map(textOf))];
    }),
    headings: ofType('heading').map(textOf),
  };
}

function textOf(node: MarkdownNode): string {
  return node.raw ?? (node.children ?? []).map(textOf).join('');
}
