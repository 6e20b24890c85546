import { handleConfirmations } from './confirm';
import { handleCorrections } from './corrections';
import { enhanceMaps } from './maps';
import { followRetraining } from './retraining';
import { handleReview } from './review';
import { handleSwitches } from './switches';
import { localiseTimes } from './times';
import { handleUploads } from './uploads';

/** Every page works without this script; it makes them quicker to use. */
handleConfirmations();
handleSwitches();
handleUploads();
handleCorrections();
handleReview();
followRetraining();
enhanceMaps(document);
localiseTimes(document);
