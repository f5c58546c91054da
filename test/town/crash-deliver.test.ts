import { crashMatrix } from './support/crash-matrix.ts';

crashMatrix(['deliver', 'probe', 'sweep', 'force', 'force all']);
