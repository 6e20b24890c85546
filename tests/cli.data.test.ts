import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readRuns } from '../lib/experiments';
import { runCommand, startCommand } from './cli.fixture';
import { copyOfTrained, type TestHome, writePending } from './pipeline.fixture';

let home: TestHome;

beforeAll(async () => {
  home = await copyOfTrained();
});

describe('data check', () => {
  it('counts the pictures of every folder', async () => {
    const { code, stdout } = await runCommand(home, 'data', 'check', '--data', 'sample');
    expect(code).toBe(0);
    expect(stdout).toMatch(/food11\/training\/Rice +16 +16\n/);
    expect(stdout).toMatch(/foodornot\/train\/negative_non_food +36 +36\n/);
    expect(stdout).toMatch(/Unreadable or too small, left out: 0\n/);
  });

  it('says where to get data that is missing', async () => {
    const { code, stdout, stderr } = await runCommand(home, 'data', 'check', '--data', 'food11');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/food11\/training\/Dairy product is missing: download Food-11 from https:.*npm run sample.*\(MISSING_DATA\)\n$/);
  });
});

describe('prepare', () => {
  let before: string;
  const state = async (): Promise<string> =>
    JSON.stringify([await readFile(home.workspace.labelsCsv, 'utf8'), (await readdir(home.workspace.datasetImages)).sort()]);
  beforeAll(async () => {
    before = await state();
  });

  it('names a class folder that is missing and what to do, and leaves the data set alone', async () => {
    const cut = path.join(home.home, 'cut');
    await cp(home.workspace.sample, cut, { recursive: true });
    await rm(path.join(cut, 'sample.json'));
    await rm(path.join(cut, 'food11/validation/Rice'), { recursive: true });
    const missing = await runCommand(home, 'prepare', 'food', '--data', cut);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/cut\/food11\/validation\/Rice is missing: download Food-11 from .*\(MISSING_DATA\)\n$/);

    await mkdir(path.join(cut, 'food11/validation/Rice'));
    await writeFile(path.join(cut, 'food11/validation/Rice/only.jpg'), 'no picture');
    const unusable = await runCommand(home, 'prepare', 'food', '--data', cut);
    expect(unusable.code).toBe(1);
    expect(unusable.stderr).toMatch(/food11\/validation\/Rice has no usable picture \(all of its 1 pictures .*\(EMPTY_FOLDER\)\n$/);
    expect(await state()).toBe(before);
  });

  it.each<[string, RegExp]>([
    ['collages.trian=3', /there is no setting collages\.trian \(BAD_SETTINGS\)/],
    ['collages.train=-1', /collages\.train: .*\(BAD_SETTINGS\)/],
    ['jpegQuality', /write name=value, such as batchSize=16/],
    ['=3', /write name=value/],
  ])('refuses --set %s before it begins', async (setting, message) => {
    const { code, stdout, stderr } = await runCommand(home, 'prepare', 'food', '--set', setting);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
    expect(await state()).toBe(before);
  });

  it('takes several settings, and gives the same pictures again', async () => {
    const args = ['prepare', 'food', '--data', 'SAMPLE', '--set', 'seed=42', '--set', 'collages.train=64'];
    const { code, stdout } = await runCommand(home, ...args.map((arg) => arg.replace('SAMPLE', home.workspace.sample)));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^88 training, 36 validation and 36 test pictures of .*sample in .*dataset\n/);
    expect(await state()).toBe(before);
  });
});

describe('labels sync', () => {
  it('has nothing to do after prepare', async () => {
    const { code, stdout } = await runCommand(home, 'labels', 'sync');
    expect({ code, stdout }).toEqual({ code: 0, stdout: `pictures       160\nlabelled       160, in ${home.workspace.labelsCsv}\n` });
  });

  it('lists a new picture, and takes the label that somebody wrote over', async () => {
    const { datasetImages, labelsPendingCsv, labelsCsv } = home.workspace;
    await copyFile(path.join(datasetImages, 'test_0000001.jpg'), path.join(datasetImages, 'mine.jpg'));
    const listed = await runCommand(home, 'labels', 'sync');
    expect(listed.stdout).toContain(`without label  1, listed in ${labelsPendingCsv}\n`);
    expect(listed.stdout).toContain('npm run labels -- sync --merge');

    const pending = await readFile(labelsPendingCsv, 'utf8');
    await writeFile(labelsPendingCsv, pending.replace('mine.jpg,0,0,0', 'mine.jpg,0,1,0'));
    const merged = await runCommand(home, 'labels', 'sync', '--merge');
    expect(merged.stdout).toBe(
      `pictures       161\nlabelled       161, in ${labelsCsv}\nnew labels     1: 1 with a class, 0 without any\n`,
    );
    expect(await readFile(labelsCsv, 'utf8')).toMatch(/\nmine\.jpg,0,1,0,mine\.jpg\n$/);
  });

  it('gives the line of a label that is wrong', async () => {
    const { labelsCsv } = home.workspace;
    const labels = await readFile(labelsCsv, 'utf8');
    await writeFile(labelsCsv, labels.replace('mine.jpg,0,1,0', 'mine.jpg,0,maybe,0'));
    const { code, stderr } = await runCommand(home, 'labels', 'sync');
    await writeFile(labelsCsv, labels);
    expect(code).toBe(1);
    expect(stderr).toMatch(/labels\.csv cannot be used[\s\S]*line 162: "arroz" is "maybe", but must be 0 or 1 \(BAD_LABELS\)\n$/);
  });
});

describe('retrain --dry-run', () => {
  it('says that there is nothing to retrain on', async () => {
    const { code, stdout, stderr } = await runCommand(home, 'retrain', 'food', '--dry-run');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/pending\.csv has no pending correction: there is nothing to retrain on \(NO_CORRECTIONS\)\n$/);
  });

  it('says what would happen, and does not do it', async () => {
    await writePending(home, ['2026-03-01,../dataset/images/test_0000001.jpg,0,1,0,pending']);
    const { code, stdout, stderr } = await runCommand(home, 'retrain', 'food', '--dry-run', '--set', 'retraining.boost=7');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/learns from {4}1 corrections × 7 and 20 pictures of the training split: 27 an epoch\n/);
    expect((await readRuns(home.workspace)).runs).toHaveLength(2);
  });
});

describe('report and doctor', () => {
  it('report lists every run and writes the page', async () => {
    await mkdir(home.workspace.experiment('broken'));
    await writeFile(path.join(home.workspace.experiment('broken'), 'run.json'), '{');
    const { code, stdout, stderr } = await runCommand(home, 'report');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^left out: broken\/run\.json: it is no JSON/);
    const { runs } = await readRuns(home.workspace);
    for (const { id } of runs) expect(stdout).toMatch(new RegExp(`${id} +finished +\\d +0\\.\\d{3}`));
    expect(stdout).toContain('food on the sample, best validation AUC first\n');
    expect(stdout).toContain(`the report is ${home.workspace.reportHtml}\n`);
    expect(await readFile(home.workspace.reportHtml, 'utf8')).toContain(runs[0]!.id);
  });

  it('doctor names what there is and how to get the rest', async () => {
    const { code, stdout } = await runCommand(home, 'doctor');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Node +v\d+/m);
    expect(stdout).toMatch(/^TensorFlow\.js +4\.\d+\.\d+ on (native TensorFlow|WebAssembly)/m);
    expect(stdout).toMatch(/^ONNX Runtime +1\./m);
    expect(stdout).toMatch(/^weights, food +(EfficientNet-Lite0, ImageNet|nsfwjs .*stand-in.*\n +→ npm run weights -- fetch; or)/m);
    expect(stdout).toMatch(/^data, food +0 pictures in .*raw.*\n +→ download Food-11 from https:/m);
    expect(stdout).toMatch(/^model, food +\d{8}T\d{6}Z-food-\w+-\w{6} \(trained on sample\)/m);
  });

  it('doctor says what is wrong with what cannot be used', async () => {
    await writeFile(home.workspace.currentModel('food'), '{');
    const { ended } = startCommand(home, ['doctor'], { VISIONBOOK_WEIGHTS: '/nowhere/weights.h5' });
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^weights, food +\/nowhere\/weights\.h5, which VISIONBOOK_WEIGHTS names, is not there\n +→ /m);
    expect(stdout).toMatch(/^model, food +not usable\n +→ .*current\.json cannot be used/m);
  });
});
