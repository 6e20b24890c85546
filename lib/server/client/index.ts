export { bundleClient, type ClientBundle } from './bundle';
