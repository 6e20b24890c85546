import type { Galaxy10Task } from './task';

/**
 * Which of the ten classes of Galaxy10 DECaLS a galaxy is of. Numbers without a remark are those of the Galaxy Classifier.
 *
 * The names are Galaxy10's own, in the order of its `ans`. The Galaxy Classifier's API gives other names to the same ten numbers, and they do
 * not say what the pictures show: it calls a disturbed galaxy "spiral" and an unbarred loose spiral "compact". They are kept as
 * aliases, for programs that expect its words.
 */
export const galaxy: Galaxy10Task = {
  name: 'galaxy',
  title: 'Galaxy morphology, ten classes',
  kind: 'multiclass',
  classes: [
    { name: 'Disturbed', folder: 'Disturbed', alias: 'spiral' },
    { name: 'Merging', folder: 'Merging', alias: 'elliptical' },
    { name: 'Round Smooth', folder: 'Round Smooth', alias: 'lenticular' },
    { name: 'In-between Round Smooth', folder: 'In-between Round Smooth', alias: 'irregular' },
    { name: 'Cigar Shaped Smooth', folder: 'Cigar Shaped Smooth', alias: 'merger' },
    { name: 'Barred Spiral', folder: 'Barred Spiral', alias: 'unknown' },
    { name: 'Unbarred Tight Spiral', folder: 'Unbarred Tight Spiral', alias: 'barred spiral' },
    { name: 'Unbarred Loose Spiral', folder: 'Unbarred Loose Spiral', alias: 'compact' },
    { name: 'Edge-on without Bulge', folder: 'Edge-on without Bulge', alias: 'edge-on' },
    { name: 'Edge-on with Bulge', folder: 'Edge-on with Bulge', alias: 'uncertain' },
  ],
  imageSize: 224,
  backbone: { name: 'efficientnet_b0' },
  data: { kind: 'galaxy10', folder: 'galaxy10' },
  downloads: [{ name: 'Galaxy10 DECaLS', url: 'https://zenodo.org/records/10845026' }],
  defaults: {
    backbone: 'auto',
    seed: 42,
    split: { validation: 0.15, test: 0.15 },
    perClass: 1200,
    jpegQuality: 95,
    // Ours: the Galaxy Classifier turns and zooms anew in every epoch. Four views are what a fine-tuning of a dozen epochs makes use of, and
    // their activations take four times the room.
    augmentation: { views: 4, rotationTurns: 0.4, zoom: 0.15, flips: true },
    batchSize: 32,
    negativeWeight: 1,
    dropout: 0.3,
    hiddenLayers: [
      { units: 256, dropout: 0.3 },
      { units: 128, dropout: 0.2 },
      { units: 64, dropout: 0 },
    ],
    stages: [
      // Ours: at 1e-5 a head that begins at random learns nothing for many epochs, while its gradients undo what the backbone knows.
      { name: 'head', trainableLayers: 0, learningRate: 1e-3, epochs: 40 },
      { name: 'finetune', trainableLayers: 100, learningRate: 1e-5, epochs: 40 },
    ],
    patience: 10,
    plateau: { factor: 0.5, patience: 3, minLearningRate: 1e-7 },
    // Ours, as food's: corrections of galaxies are no part of the Galaxy Classifier.
    retraining: { originals: 200, boost: 25, epochs: 3, learningRate: 1e-5, trainableLayers: 15, minimum: 10, tolerance: 0.01 },
    // The most probable class is the answer, however probable it is.
    decision: { threshold: 0, noneBelow: 0 },
  },
  sample: 'galaxies drawn from physics',
  // The sample has 200 pictures a class, of which 140 are for training. An epoch is a tenth as long as one of Galaxy10 then, so steps ten times as large
  // make a training of minutes; with the steps of Galaxy10, and all of its epochs, it gets somewhat further (test accuracy 0.987), in ten times the time.
  sampleDefaults: {
    perClass: 140,
    stages: [
      { name: 'head', trainableLayers: 0, learningRate: 1e-3, epochs: 12 },
      { name: 'finetune', trainableLayers: 100, learningRate: 1e-4, epochs: 6 },
    ],
  },
};
