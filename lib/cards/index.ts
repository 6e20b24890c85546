export { type DatasetFacts, datasetCardText } from './datasetCard';
export { type ModelFacts, type ModelFile, modelCardText } from './modelCard';
export { renewModelCards, writeModelCard } from './writeModelCard';
