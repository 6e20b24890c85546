export { resultCards } from './card';
export { errorPage } from './error';
export { historyPage } from './history';
export { modelsPage } from './models';
export { predictPage } from './predict';
export { reviewPage } from './review';
export { signInPage } from './signIn';
export * from './views';
