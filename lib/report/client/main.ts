import { watchFigures } from './figures';
import { handleRunPages } from './runPages';
import { handleTables } from './tables';

handleTables(document);
watchFigures(document);
handleRunPages();
