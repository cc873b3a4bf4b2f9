# names: script float-iter-per-epoch
import numpy as np


iters_num = 10000
x_train = np.zeros((60000, 784))
train_size = x_train.shape[0]
batch_size = x_train.shape[0]
batch_size = 128
iter_per_epoch = max(train_size / batch_size, 1)
marks = []
for i in range(iters_num):
    if i % iter_per_epoch == 0:
        marks.append(i)
