import type { CollageTask } from './task';

/**
 * Which of three kinds of food a picture shows: none, one or several. Trained on collages of Food-11 photographs and on
 * FoodOrNot's pictures of other things. Numbers without a remark are those of the Food Multi-Label Classification Pipeline.
 */
export const food: CollageTask = {
  name: 'food',
  title: 'Food, multi-label',
  kind: 'multilabel',
  classes: [
    { name: 'lacteos', folder: 'Dairy product' },
    { name: 'arroz', folder: 'Rice' },
    { name: 'frutas/verduras', folder: 'Vegetable-Fruit' },
  ],
  imageSize: 224,
  backbone: { name: 'mobilenet_v2', alpha: 1 },
  data: {
    kind: 'collages',
    photos: { train: 'food11/training', validation: 'food11/validation', test: 'food11/evaluation' },
    negatives: { train: 'foodornot/train/negative_non_food', test: 'foodornot/test/negative_non_food' },
  },
  downloads: [
    { name: 'Food-11', url: 'https://www.kaggle.com/datasets/trolukovich/food11-image-dataset' },
    { name: 'FoodOrNot', url: 'https://www.kaggle.com/datasets/sciencelabwork/food-or-not-dataset' },
  ],
  defaults: {
    backbone: 'auto',
    seed: 42,
    includeProbability: 0.6,
    refillProbability: 0.8,
    collages: { train: 3000, validation: 600, test: 600 },
    negatives: { train: 1200, validation: 200, test: 200 },
    jpegQuality: 95,
    batchSize: 32,
    negativeWeight: 4,
    dropout: 0.2,
    stages: [
      { name: 'head', trainableLayers: 0, learningRate: 1e-3, epochs: 10 },
      { name: 'finetune', trainableLayers: 30, learningRate: 1e-4, epochs: 5 },
    ],
    patience: 3,
    // The tolerance is ours: of a hundred pairs of a right and a wrong label that were ranked well, one.
    retraining: { originals: 200, boost: 25, epochs: 3, learningRate: 1e-5, trainableLayers: 15, minimum: 10, tolerance: 0.01 },
    decision: { threshold: 0.5, noneBelow: 0.45 },
  },
  sample: 'collages of emoji artwork',
  sampleDefaults: {
    collages: { train: 900, validation: 240, test: 240 },
    negatives: { train: 360, validation: 80, test: 80 },
  },
};
