/** A file of the official Keras application weights, without the classifier, trained on ImageNet. */
export interface OfficialWeights {
  readonly file: string;
  readonly url: string;
  /** MD5 of the file in hex, where Keras names one. */
  readonly md5?: string;
}

/** What names a backbone; `alpha` is the width of those that come in several. */
export interface OfficialBackbone {
  readonly name: string;
  readonly alpha?: number;
}

/** Input sizes with weights of their own; Keras takes those of 224 for every other. */
const mobilenetSizes = [96, 128, 160, 192, 224];
const mobilenetAlphas = [0.35, 0.5, 0.75, 1, 1.3, 1.4];

const googleStorage = 'https://storage.googleapis.com';

/**
 * The official weights of a backbone for an input size, as `keras/src/applications` names them; undefined where there are none.
 *
 * @param host another server with the same paths: `VISIONBOOK_WEIGHTS_HOST`, for a mirror
 */
export function officialWeights(
  { name, alpha = 1 }: OfficialBackbone,
  imageSize: number,
  host = process.env.VISIONBOOK_WEIGHTS_HOST || googleStorage,
): OfficialWeights | undefined {
  const base = host.replace(/\/+$/, '');
  if (name === 'mobilenet_v2' && mobilenetAlphas.includes(alpha)) {
    const size = mobilenetSizes.includes(imageSize) ? imageSize : 224;
    const width = Number.isInteger(alpha) ? alpha.toFixed(1) : String(alpha);
    const file = `mobilenet_v2_weights_tf_dim_ordering_tf_kernels_${width}_${size}_no_top.h5`;
    return { file, url: `${base}/tensorflow/keras-applications/mobilenet_v2/${file}` };
  }
  if (name === 'efficientnet_b0') {
    const file = 'efficientnetb0_notop.h5';
    return { file, url: `${base}/keras-applications/${file}`, md5: '50bc09e76180e00e4465e1a485ddc09d' };
  }
  return undefined;
}
