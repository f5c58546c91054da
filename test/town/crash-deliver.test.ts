import { crashMatrix } from './support/crash-matrix.ts';

crashMatrix(['deliver', 'sweep', 'force', 'force all']);
